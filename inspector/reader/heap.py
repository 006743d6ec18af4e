"""Reads the heap of a process: the live objects of every type.

While the process runs, a page may change as it is copied.  Pages that do not add up are read
again, and the reading has two numbers: what the first pass proves, and an estimate.  While
the process is stopped, or in one pause of the own interpreter, the number is exact.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from inspector.cpython.heap_discovery import discover_heap
from inspector.cpython.heap_pages import find_boundaries, read_segments
from inspector.cpython.names import Names
from inspector.errors import LayoutError, MemoryFault, Unsettled
from inspector.process.own import OwnProcess
from inspector.process.own_world import CannotStop
from inspector.reader.heap_copy import Buffer
from inspector.reader.heap_decode import Reading, Still, decode_pages, decode_still
from inspector.reader.heap_own import OwnPlan, read_own
from inspector.reader.heap_plan import Plans, in_chunks, plan_pages, ranges_of
from inspector.reader.heap_scene import (
    delayed_ranges,
    follow_delayed,
    read_anchors,
    read_homes,
    read_owners,
    read_waiting_blocks,
)
from inspector.reader.heap_tally import RawPages, Tally, Types
from inspector.snapshots.heap import MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.cpython.heap_blocks import Blocks
    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Segment
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.reader.heap_plan import Planned
    from inspector.reader.heap_scene import HeapOwner

__all__ = ["HeapReader"]

MEGABYTE: Final = 1 << 20

CHUNK: Final = 1 << 20
"""Bytes that are copied at a time while the process runs, so that they stay in a cache."""

TRIES: Final = 12
"""Attempts at a reading that a running process can make fail."""

ROUNDS: Final = 8
"""Times that pages which changed while they were copied are read again."""


class HeapReader:
    """Reads the heap of one process, again and again."""

    def __init__(
        self,
        process: OwnProcess | OtherProcess,
        layout: Layout,
        boundaries: Callable[[], list[int]] | None = None,
    ) -> None:
        """Take the process and its layout.

        ``boundaries`` returns the addresses at which the process has room for segments.
        """
        self._process = process
        self._memory = process.memory
        self._layout = layout
        self._boundaries = boundaries or (lambda: find_boundaries(process.pid))
        self._buffer = Buffer()
        self._own_plan = OwnPlan()
        self._plans = Plans()
        self.names = Names(self._memory, layout)
        """Of types, kept from one reading to the next."""
        self._found: HeapLayout | None = None

    def heap_layout(self, pause_limit: float) -> HeapLayout:
        """Return the layout of the heap, which the first call finds.

        Stops another process if it changes too fast, unless ``pause_limit`` is 0.  Raises
        :class:`LayoutError` with the member that has no unique offset.
        """
        if self._found is None:
            self._found = self._discover(pause_limit)
        return self._found

    def _discover(self, pause_limit: float) -> HeapLayout:
        """Find the layout while the process runs; if that fails, in a pause."""
        failure: Exception | None = None
        for _ in range(TRIES):
            try:
                return discover_heap(self._memory, read_anchors(self._memory, self._layout))
            except (LayoutError, MemoryFault) as refused:
                failure = refused.with_traceback(None)
        if not isinstance(self._process, OwnProcess) and pause_limit:
            world = self._process.stopped(pause_limit)
            for _ in range(TRIES):
                try:
                    with world.hold():
                        anchors = read_anchors(self._memory, self._layout)
                        return discover_heap(self._memory, anchors)
                except (LayoutError, MemoryFault) as refused:
                    failure = refused.with_traceback(None)
        assert failure is not None  # noqa: S101 - the loop ran
        raise failure

    def histogram(
        self, *, blocking: bool = False, pause_limit: float = 1.0, memory: int = MEMORY
    ) -> Reading:
        """Count the instances of all types.

        Another process runs meanwhile, or is stopped if ``blocking``.  In the own process the
        calling interpreter is stopped if a copy of the heap fits into ``memory`` bytes.

        Raises :class:`Unsettled` for a heap that is too large to be copied in a pause or
        changes in each attempt, and :class:`LayoutError` if the layout is not found.
        """
        heap = self.heap_layout(pause_limit)
        if isinstance(self._process, OwnProcess):
            found = None
            if not self._process.world.refusal:
                with suppress(CannotStop):
                    found = self._read_own(heap, self._process, memory)
            return found or self._read_running(heap, memory)
        if blocking:
            return self._read_stopped(heap, self._process, pause_limit, memory)
        return self._read_running(heap, memory)

    def segments(
        self, pause_limit: float
    ) -> tuple[list[Segment], dict[int, HeapOwner], dict[int, int]]:
        """Return segments, pages and homes of a process; read no objects.

        The homes are what :func:`~inspector.reader.heap_scene.read_homes` returns.
        """
        heap = self.heap_layout(pause_limit)
        segments = self._read_segments(heap)
        owners = read_owners(self._memory, self._layout, heap)
        return segments, owners, read_homes(self._memory, self._layout)

    def waiting_blocks(self, segments: list[Segment], pause_limit: float) -> list[int] | None:
        """Return what :func:`~inspector.reader.heap_scene.read_waiting_blocks` does."""
        heap = self.heap_layout(pause_limit)
        return read_waiting_blocks(self._memory, self._layout, heap, segments)

    def _read_segments(self, heap: HeapLayout) -> list[Segment]:
        """Read all segments; read changed ones again, and leave out those that keep changing."""
        boundaries = self._boundaries()
        # In the own process the headers that are kept would be among the objects that are read.
        known = None if isinstance(self._process, OwnProcess) else self._plans.segments
        segments, torn = read_segments(self._memory, heap, boundaries, known)
        for _ in range(TRIES):
            if not torn:
                break
            more, torn = read_segments(self._memory, heap, torn, known)
            segments += more
        self._plans.forget_others(segments)
        return segments

    def _read_running(self, heap: HeapLayout, memory: int) -> Reading:
        """Read a running process: every page once, and again the pages that changed."""
        types = Types(self._memory, self._layout)
        low, more = Tally(self._layout, heap, types), Tally(self._layout, heap, types)
        done: set[int] = set()
        segments: list[Segment] = []
        torn: list[tuple[Planned, Blocks]] = []
        for number in range(ROUNDS):
            segments = self._read_segments(heap)
            raw = RawPages(segments)
            delayed = self._delayed_now(heap)
            every = self._plan(heap, segments)
            planned = [each for each in every if each.page.slice not in done]
            torn = []
            for chunk in in_chunks(planned, min(CHUNK, memory)):
                copy = self._buffer.copy(self._memory, ranges_of(chunk))
                decoded = decode_pages(heap, chunk, copy, delayed)
                sound = [each for each in decoded if each[1].consistent]
                torn += [each for each in decoded if not each[1].consistent]
                done.update(each.page.slice for each, _ in sound)
                (more if number else low).add(sound, raw)
            if not torn:
                break
        more.add(torn, RawPages(segments))
        owners = read_owners(self._memory, self._layout, heap)
        return Reading(segments, owners, types, low, more, len(torn), None)

    def _plan(self, heap: HeapLayout, segments: Sequence[Segment]) -> list[Planned]:
        """Return the pages of segments with the ranges to read."""
        if isinstance(self._process, OwnProcess):
            return plan_pages(heap, segments)
        return self._plans.plan(heap, segments)

    def _delayed_now(self, heap: HeapLayout) -> list[int]:
        """Return the blocks that other threads freed; lists that change are followed in part."""
        memory = self._memory
        heaps = list(read_owners(memory, self._layout, heap))
        pieces = memory.read_many(delayed_ranges(heap, heaps))

        def word(address: int) -> int:
            piece = memory.read_many([(address, 8)])[0]
            return int.from_bytes(piece or b"", "little")

        return follow_delayed(heap, heaps, pieces, word)

    def _read_stopped(
        self, heap: HeapLayout, process: OtherProcess, pause_limit: float, memory: int
    ) -> Reading:
        """Read a process while it is stopped; decode the copy after it runs again."""
        world = process.stopped(pause_limit)
        for _ in range(TRIES):
            planned = self._plans.plan(heap, self._read_segments(heap))
            self._reserve(planned, memory)
            with world.hold():
                known = self._plans.segments
                segments, torn = read_segments(self._memory, heap, self._boundaries(), known)
                owners = read_owners(self._memory, self._layout, heap)
                planned = self._plans.plan(heap, segments)
                ranges = [*delayed_ranges(heap, list(owners)), *ranges_of(planned)]
                fits = sum(size for _, size in ranges) <= memory
                copy = self._buffer.copy(self._memory, ranges) if fits else None
            if copy is not None and not torn:
                read = Still(copy, segments, owners, planned)
                return decode_still(self._memory, self._layout, heap, read, world.pause_ns)
        raise Unsettled(
            f"the heap of process {self._process.pid} changed in all of {TRIES} pauses",
            tries=TRIES,
            hint="read without --blocking",
        )

    def _reserve(self, planned: Sequence[Planned], memory: int) -> None:
        """Make room for a copy, with some more for objects that are created meanwhile."""
        size = sum(each.size for each in planned)
        if size > memory:
            raise Unsettled(
                f"a copy of the heap of process {self._process.pid} takes "
                f"{size / MEGABYTE:.0f} MB, more than the {memory / MEGABYTE:.0f} MB allowed",
                tries=0,
                hint=f"--memory {-(-size * 9 // 8 // MEGABYTE)}, or read without --blocking",
            )
        self._buffer.reserve(min(size + size // 64 + (1 << 20), memory))

    def _read_own(self, heap: HeapLayout, process: OwnProcess, memory: int) -> Reading | None:
        """Read the own process in one pause; None if it is too large, or changes each time."""
        if sum(each.size for each in plan_pages(heap, self._read_segments(heap))) > memory:
            return None
        for _ in range(TRIES):
            before = {each.address for each in self._read_segments(heap)}
            owners = read_owners(self._memory, self._layout, heap)
            read = read_own(process, heap, self._own_plan, list(before), list(owners))
            pause = process.world.pause_ns
            # A new segment with objects is not in the copy; one of raw memory does not matter.
            after = {each.segment for each in plan_pages(heap, self._read_segments(heap))}
            if read is not None and after <= before:
                owners |= read_owners(self._memory, self._layout, heap)
                still = Still(read.copy, read.segments, owners, read.planned)
                reading = decode_still(self._memory, self._layout, heap, still, pause)
                if len({owner.interpreter for owner in owners.values()}) > 1:
                    # Threads of other interpreters ran meanwhile.
                    none = Tally(self._layout, heap, reading.types)
                    return reading._replace(more=none, pause_ns=None)
                return reading
        return None
