"""The linked lists of CPython's runtime: interpreters, and the thread states of each.

The target may change the lists meanwhile, and memory may be corrupt: every walk has an upper
bound and detects cycles.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import REFCOUNTS_SIZE
from inspector.cpython.words import word_at
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from inspector.cpython.pool import Pool
    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = [
    "Thread",
    "decode_thread",
    "plan_thread",
    "read_gil_enabled",
    "read_interpreters",
    "read_pointer",
    "read_threads",
]

MAX_INTERPRETERS: Final = 1 << 12
MAX_THREADS: Final = 1 << 16
ACTIVE: Final = 1 << 4
"""``PyThreadState._status.active`` (Include/cpython/pystate.h, 3.14 and 3.15)."""
STAGES, BOUND = 0b1110_0111, 0b0000_0011
"""Mask of the same bits, and its value for a thread in use: ``initialized`` and ``bound`` are set,
and ``unbound``, ``finalizing``, ``cleared`` and ``finalized`` are not."""


class Thread(NamedTuple):
    """A thread state, and its array of per-thread reference counts."""

    address: int
    next: int
    thread_id: int
    """``_Py_ThreadId()``, what ``ob_tid`` of its objects holds."""
    native_id: int
    values: int
    """Address of the array; NULL until the first count."""
    size: int
    finalized: bool
    attached: bool
    """It runs Python code, or may at any moment: its top frame is changing."""
    bound: bool
    """Its OS thread has begun and is not ending: the structure is complete."""

    def fits(self, pool: Pool) -> bool:
        """Whether its array can be real: it is never longer than the table of the pool."""
        return 0 <= self.size <= pool.size


def read_pointer(memory: Memory, address: int) -> int:
    """Read one 64-bit word."""
    return int.from_bytes(memory.read(address, 8), "little")


def _refuse_endless(field: str, address: int, found: Collection[int], most: int) -> None:
    """Raise :class:`LayoutError` for a list with a cycle or more than ``most`` nodes."""
    if address in found or len(found) == most:
        raise LayoutError(
            field,
            expected=f"a chain of at most {most}",
            found="a cycle" if address in found else "more",
        )


def read_interpreters(memory: Memory, published: Published, runtime: int) -> list[int]:
    """Return the addresses of all ``PyInterpreterState``, the newest first, the main one last."""
    found: list[int] = []
    address = read_pointer(memory, runtime + published["runtime_state.interpreters_head"])
    while address:
        _refuse_endless("interpreter_state.next", address, found, MAX_INTERPRETERS)
        found.append(address)
        address = read_pointer(memory, address + published["interpreter_state.next"])
    return found


def read_gil_enabled(memory: Memory, published: Published, interpreter: int) -> bool | None:
    """Return whether the GIL of an interpreter is on; None if that is unreadable.

    ``struct _gil_runtime_state.enabled`` (Include/internal/pycore_gil.h, 3.14 and 3.15).
    """
    try:
        gil = read_pointer(memory, interpreter + published["interpreter_state.ceval_gil"])
        enabled = memory.read(gil + published["interpreter_state.gil_runtime_state_enabled"], 4)
    except MemoryFault:
        return None
    return any(enabled)


def plan_thread(published: Published, refcounts: int, address: int) -> tuple[Range, Range]:
    """Return the ranges to read of a thread state: its published part, its ``refcounts``."""
    size = published["thread_state.native_thread_id"] + 8
    return (address, size), (address + refcounts, REFCOUNTS_SIZE)


def decode_thread(published: Published, address: int, words: bytes, counts: bytes) -> Thread:
    """Decode the bytes of the two ranges of :func:`plan_thread`."""
    values, size, finalized = struct.unpack_from("=Qqi", counts)
    status = words[published["thread_state.status"]]
    return Thread(
        address,
        word_at(words, published["thread_state.next"]),
        word_at(words, published["thread_state.thread_id"]),
        word_at(words, published["thread_state.native_thread_id"]),
        values,
        size,
        finalized != 0,
        bool(status & ACTIVE),
        status & STAGES == BOUND,
    )


def read_threads(
    memory: Memory,
    published: Published,
    interpreter: int,
    refcounts: int,
    known: Sequence[Thread] = (),
) -> list[Thread]:
    """Return the thread states of one interpreter, in the order of CPython's list.

    ``known`` are threads of an earlier reading, which are read in one call; the links are
    followed all the same.  Raises :class:`LayoutError` for a list with a cycle or of another
    interpreter, and :class:`MemoryFault` if a thread state was freed meanwhile.
    """
    head = interpreter + published["interpreter_state.threads_head"]
    ranges: list[Range] = [(head, 8)]
    for thread in known:
        ranges += plan_thread(published, refcounts, thread.address)
    first, *pieces = memory.read_many(ranges)
    if first is None:
        raise MemoryFault(head, 8)
    ahead: dict[int, tuple[bytes | None, bytes | None]] = {}
    for place, thread in enumerate(known):
        ahead[thread.address] = pieces[2 * place], pieces[2 * place + 1]
    found: dict[int, Thread] = {}
    address = word_at(first, 0)
    while address:
        _refuse_endless("thread_state.next", address, found, MAX_THREADS)
        fixed, refs = plan_thread(published, refcounts, address)
        words, counts = ahead.get(address) or memory.read_many((fixed, refs))
        if words is None or counts is None:
            raise MemoryFault(*fixed)
        owner = word_at(words, published["thread_state.interp"])
        if owner != interpreter:
            raise LayoutError(
                "thread_state.interp", expected=f"{interpreter:#x}", found=f"{owner:#x}"
            )
        found[address] = thread = decode_thread(published, address, words, counts)
        address = thread.next
    return list(found.values())
