"""Where samples of threads read: found once, each with the evidence that it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import Offset
from inspector.cpython.parking_lot import find_buckets
from inspector.cpython.runtime_lists import read_interpreters, read_threads
from inspector.cpython.stop_the_world import StopOffsets, find_stop_offsets
from inspector.cpython.words import word_at
from inspector.errors import LayoutError
from inspector.process import proc
from inspector.reader.thread_words import ThreadHead
from inspector.reader.top_frames import TopFrames

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = ["ThreadOffsets", "find_thread_offsets"]

TRIES: Final = 10
"""Looks at the parking lot, whose first or last list may have a waiter just then."""

STATE_BEHIND_STATUS: Final = 12
"""In 3.14 ``PyThreadState.state`` follows ``_status``, ``holds_gil`` and ``_whence``; in 3.15
``gil_requested`` and ``_whence`` stand before it (Include/cpython/pystate.h)."""

LINE_FIELDS: Final = (
    *("interpreter_frame.instr_ptr", "interpreter_frame.tlbc_index"),
    *("code_object.co_tlbc", "code_object.linetable"),
)
"""What the line of a frame is found by."""

SHUTTING_DOWN: Final = 3
"""``_Py_THREAD_SHUTTING_DOWN``, the largest state (Include/internal/pycore_pystate.h)."""


class ThreadOffsets(NamedTuple):
    """Where a process has what samples of its threads read."""

    stops: StopOffsets
    buckets: int | None
    """Address of the parking lot's table; None if it was not found."""
    state: int
    """``PyThreadState.state``, in bytes."""
    offsets: tuple[Offset, ...]
    """All of them with their evidence, for people."""

    @property
    def unproved(self) -> tuple[str, ...]:
        """What samples cannot show because its place was not found, in words."""
        found = []
        if self.stops.interpreter is None:
            found.append("stops of the world of one interpreter")
        if self.stops.runtime is None:
            found.append("stops of the world of all interpreters")
        if self.buckets is None:
            found.append("locks and stops that threads wait for (the parking lot was not found)")
        return tuple(found)


def find_thread_offsets(pid: int, memory: Memory, layout: Layout) -> ThreadOffsets:
    """Find everything; what is not unique is None.

    Raises :class:`LayoutError` if the states of threads are none.
    """
    published = layout.published
    interpreters = read_interpreters(memory, published, layout.runtime)
    stops = find_stop_offsets(memory, published, layout.runtime, interpreters)
    buckets, number = _find_parking_lot(pid, memory, layout)
    heads = []
    before = published.get("thread_state.gil_requested", published["thread_state.status"])
    distance = 8 if "thread_state.gil_requested" in published else STATE_BEHIND_STATUS
    state = before + distance
    frame = published["thread_state.current_frame"]
    for interpreter in interpreters:
        for thread in read_threads(memory, published, interpreter, layout.refcounts):
            value = int.from_bytes(memory.read(thread.address + state, 4), "little")
            if value > SHUTTING_DOWN:
                raise LayoutError("thread_state.state", expected="0 to 3", found=f"{value:#x}")
            top = word_at(memory.read(thread.address + frame, 8), 0)
            heads.append(ThreadHead(thread, value, top))
    frames = TopFrames(memory, published)
    read = frames.read(heads)
    located = len(frames.locate(read))
    inside = f"an instruction of its own code in {located} of {len(read)} frames"
    offsets = [
        *stops.offsets,
        Offset(
            "_PyParkingLot buckets, from _PyRuntime",
            None if buckets is None else buckets - layout.runtime,
            "discovered",
            f"{number} table{'s' * (number != 1)} of 257 lists in CPython's data",
        ),
        Offset("PyThreadState.state", state, "header", f"0 to 3 in {len(heads)} threads"),
    ]
    offsets += [Offset(name, published[name], "published", inside) for name in LINE_FIELDS]
    return ThreadOffsets(stops, buckets, state, tuple(offsets))


def _find_parking_lot(pid: int, memory: Memory, layout: Layout) -> tuple[int | None, int]:
    """Return the address of the table in the data of CPython's binary, and how many there are."""
    places = _find_static_memory(pid, layout.runtime)
    found: list[int] = []
    for _ in range(TRIES):
        found = find_buckets(memory, places)
        if len(found) == 1:
            return found[0], 1
    return None, len(found)


def _find_static_memory(pid: int, runtime: int) -> list[Range]:
    """Return the writable mappings of the binary that has ``_PyRuntime``, its .bss included."""
    mappings = list(proc.read_mappings(pid))
    home = proc.find_mapping(mappings, runtime)
    found: list[Range] = []
    end = 0
    for mapping in mappings:
        belongs = home is not None and mapping.path == home.path
        if mapping.writable and (belongs or (not mapping.path and mapping.start == end)):
            found.append((mapping.start, mapping.end - mapping.start))
            end = mapping.end
    return found
