"""Finds and decodes the state of a stop of the world: requested, stopped, by whom.

Sources: ``struct _stoptheworld_state`` (Include/internal/pycore_interp_structs.h) of each
interpreter and of the runtime, ``struct _qsbr_shared`` (pycore_qsbr.h) which follows it in
``PyInterpreterState``, and ``PyPreConfig`` (Include/cpython/initconfig.h) which follows it in
``_PyRuntimeState``; 3.14 and 3.15.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import Offset
from inspector.cpython.words import decode_unsigned, read_mapped_words

if TYPE_CHECKING:
    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["STOP_SIZE", "StopOffsets", "StopState", "find_stop_offsets"]

STOP_SIZE: Final = 24
"""Bytes of ``struct _stoptheworld_state`` {mutex, requested, world_stopped, is_global,
stop_event, thread_countdown, requester}."""

SCANNED: Final = 1 << 16
"""Bytes of an interpreter or of the runtime that are searched; real offsets are below 11,000."""

PAGE: Final = 1 << 12

QSBR_WORDS: Final = 5
"""Of ``struct _qsbr_shared``: wr_seq, rd_seq, array, array_raw, size."""
QSBR_THREADS: Final = 1 << 20
QSBR_ENTRY: Final = 64
"""Alignment, and bytes at least, of ``struct _qsbr_pad``."""
QSBR_SAMPLE: Final = 256

GLOBAL_AT_REST: Final = 0x0000_0000_0100_0000
"""``is_global`` is set, all other bytes of the first word are 0."""
PRECONFIG_INTS: Final = 10
PRECONFIG_MOST: Final = 16
"""No member of ``PyPreConfig`` is larger; ``_config_init`` is 1, 2 or 3."""


class StopState(NamedTuple):
    """One ``struct _stoptheworld_state`` as it was read."""

    requested: bool
    """A stop was requested and is not over."""
    stopped: bool
    """All threads but the requester are stopped."""
    requester: int
    """Address of the requesting thread state; NULL for a detached thread."""

    @classmethod
    def decode(cls, words: bytes) -> StopState:
        """Decode :data:`STOP_SIZE` bytes."""
        requested, stopped, requester = struct.unpack_from("=x??5x8xQ", words)
        return cls(requested, stopped, requester)


class StopOffsets(NamedTuple):
    """Offsets of the two states, in bytes; None for one that was not found."""

    interpreter: int | None
    """``PyInterpreterState.stoptheworld``."""
    runtime: int | None
    """``_PyRuntimeState.stoptheworld``."""
    offsets: tuple[Offset, ...]


def find_stop_offsets(
    memory: Memory, published: Published, runtime: int, interpreters: list[int]
) -> StopOffsets:
    """Find both states by the structures that follow them, without a stop having to happen."""
    places = []
    for interpreter in interpreters:
        places.append(_find_before_qsbr(memory, interpreter, published["interpreter_state.size"]))
    common = set.intersection(*places) if places else set()
    in_interpreter = common.pop() if len(common) == 1 else None
    in_runtime = _find_before_preconfig(memory, runtime, published["runtime_state.size"])
    return StopOffsets(
        in_interpreter,
        in_runtime,
        (
            Offset(
                "PyInterpreterState.stoptheworld",
                in_interpreter,
                "discovered",
                f"before qsbr, whose threads point back, in {len(interpreters)} interpreters"
                if in_interpreter is not None
                else f"{len(common)} places before a qsbr whose threads point back",
            ),
            Offset(
                "_PyRuntimeState.stoptheworld",
                in_runtime,
                "discovered",
                "is_global, before preconfig" if in_runtime is not None else "no single place",
            ),
        ),
    )


def _find_before_qsbr(memory: Memory, interpreter: int, size: int) -> set[int]:
    """Return the offsets right before a ``struct _qsbr_shared`` of this interpreter.

    The entries of its array point back at it (``_qsbr_thread_state.shared``).
    """
    words = read_mapped_words(memory, interpreter, min(size, SCANNED))
    found = set()
    for place in range(STOP_SIZE // 8, len(words) - QSBR_WORDS):
        written, seen, threads, raw, number = words[place : place + QSBR_WORDS]
        if not (written & seen & 1 and seen <= written and 0 < number <= QSBR_THREADS):
            continue
        if not threads or threads % QSBR_ENTRY or not 0 <= threads - raw < PAGE:
            continue
        (array,) = memory.read_many([(threads, QSBR_ENTRY * min(number, QSBR_SAMPLE))])
        # Entries that no thread has used yet hold NULL.
        if array is not None and interpreter + 8 * place in decode_unsigned(array):
            found.add(8 * place - STOP_SIZE)
    return found


def _find_before_preconfig(memory: Memory, runtime: int, size: int) -> int | None:
    """Return the offset of the state with ``is_global``, right before ``PyPreConfig``."""
    words = read_mapped_words(memory, runtime, min(size, SCANNED))
    found = []
    for place in range(len(words) - PRECONFIG_INTS // 2 - 3):
        first, countdown, requester = words[place : place + 3]
        if first != GLOBAL_AT_REST or countdown or requester:
            continue
        config = struct.pack(
            f"={PRECONFIG_INTS // 2}Q", *words[place + 3 : place + 3 + PRECONFIG_INTS // 2]
        )
        numbers = struct.unpack(f"={PRECONFIG_INTS}i", config)
        if numbers[0] in (1, 2, 3) and all(-1 <= number <= PRECONFIG_MOST for number in numbers):
            found.append(8 * place)
    return found[0] if len(found) == 1 else None
