"""The base of :class:`~inspector.reader.target.Target` that reads the heap of its process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from inspector.cpython.published import spell_version
from inspector.cpython.runtime_lists import read_gil_enabled
from inspector.errors import LayoutError, MemoryFault, NoSuchTarget, Unsettled
from inspector.process.maps import read_resident_bytes
from inspector.process.own import OwnProcess
from inspector.reader.interpreter_state import read_interpreter_ids
from inspector.reader.lifetime import report_end
from inspector.reader.reading_lock import ReadingLock
from inspector.snapshots.heap import IMAGE_MEMORY, MEMORY
from inspector.snapshots.snapshot import TargetInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.cpython.layout import Layout, Offset
    from inspector.process.other import OtherProcess
    from inspector.reader.heap import HeapReader
    from inspector.reader.held_objects import HeldObjects
    from inspector.snapshots.heap import Allocator, Histogram
    from inspector.snapshots.holders import Accounting
    from inspector.snapshots.leaks import Leaks
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["PAUSE_LIMIT", "HeapTarget"]

PAUSE_LIMIT: Final = 1.0
"""Seconds that another process is stopped at most, for one reading."""


class HeapTarget:
    """A process whose layout is known; its heap is read on demand."""

    def __init__(self, process: OwnProcess | OtherProcess, layout: Layout) -> None:
        self._process = process
        self._turns = ReadingLock()
        self.layout = layout
        self._heap: HeapReader | None = None

    def histogram(
        self,
        *,
        blocking: bool = False,
        pause_limit: float = PAUSE_LIMIT,
        memory: int = MEMORY,
    ) -> Histogram:
        """Count the instances of every type in the process's heap, built-in types included.

        The own process is stopped for one copy if that fits into ``memory`` bytes.  Another
        process keeps running, and the numbers are estimates; with ``blocking`` it is stopped
        for at most ``pause_limit`` seconds.

        Raises :class:`LayoutError` if the allocator's layout is not found, and
        :class:`~inspector.errors.Unsettled` for a heap that is too large to be copied.
        """
        from inspector.reader.heap_rows import make_histogram

        with self._heap_reader() as reader, report_end(self._process, self.layout.published):
            self._process.check()
            reading = reader.histogram(blocking=blocking, pause_limit=pause_limit, memory=memory)
            read_from = self._process.memory
            made = make_histogram(read_from, self.layout, reading, self._facts(), reader.names)
            self._process.check()
            return made._replace(rss=read_resident_bytes(self._process.pid))

    def add_heap(
        self, snapshot: Snapshot, *, blocking: bool = False, pause_limit: float = PAUSE_LIMIT
    ) -> Snapshot:
        """Return a snapshot of this process with a reading of the heap.

        ``blocking`` is as for :meth:`histogram`; a heap that is too large to be copied in a
        pause is estimated.  Unless ``blocking``, another process is never stopped, not even to
        find the layout of its heap.  Where the heap cannot be read, ``why_no_heap`` says why.
        """
        try:
            try:
                limit = pause_limit if blocking else 0.0
                heap = self.histogram(blocking=blocking, pause_limit=limit)
            except Unsettled:
                heap = self.histogram(pause_limit=0.0)
        except (LayoutError, MemoryFault, Unsettled) as error:
            return snapshot._replace(heap=None, why_no_heap=str(error))
        return snapshot._replace(heap=heap, why_no_heap=None)

    def leaks(
        self,
        *,
        blocking: bool = False,
        pause_limit: float = PAUSE_LIMIT,
        memory: int = IMAGE_MEMORY,
        values: bool = False,
        garbage: bool = False,
    ) -> Leaks:
        """Find references in another process that no word of its memory holds.

        The process is stopped for at most ``pause_limit`` seconds if ``blocking``; while it
        runs, nothing is proved.  ``memory`` limits the bytes that are copied.  With ``values``
        samples carry their values, which may be secrets.  With ``garbage`` what nothing leads
        to but itself is counted, too, and what only orphans lead to, which takes longer.

        Raises :class:`LayoutError` for an allocator that is not understood,
        :class:`~inspector.errors.Unsettled` for a process that is too large to be copied, or
        not within ``pause_limit``, and :class:`NoSuchTarget` for the own process.
        """
        from inspector.reader.leaks import (
            LeakRequest,
            read_leaks,
        )

        with self._heap_reader() as reader, report_end(self._process, self.layout.published):
            process = self._refuse_own()
            process.check()
            request = LeakRequest(pause_limit if blocking else None, memory, values, garbage)
            found = read_leaks(
                process, self.layout, reader.heap_layout(pause_limit), self._facts(), request
            )
            process.check()
            return found

    def referrers(
        self,
        subject: str | int,
        *,
        blocking: bool = False,
        pause_limit: float = PAUSE_LIMIT,
        memory: int = IMAGE_MEMORY,
        values: bool = False,
    ) -> HeldObjects:
        """Return what to search for holders of one object, by address, or of a type's instances.

        The process is stopped for at most ``pause_limit`` seconds if ``blocking``; ``memory``
        limits the bytes that are copied.  With ``values`` elements of dictionaries are named by
        their keys, which may be secrets.

        Raises what :meth:`leaks` raises, :class:`~inspector.errors.NoSuchObject` and
        :class:`~inspector.errors.AmbiguousName`.
        """
        from inspector.reader.held_objects import (
            find_held_objects,
        )
        from inspector.reader.leaks import LeakRequest

        with self._heap_reader() as reader, report_end(self._process, self.layout.published):
            process = self._refuse_own()
            process.check()
            request = LeakRequest(pause_limit if blocking else None, memory, values)
            heap = reader.heap_layout(pause_limit)
            found = find_held_objects(process, self.layout, heap, self._facts(), subject, request)
            process.check()
            return found

    def accounting(
        self,
        address: int,
        *,
        blocking: bool = False,
        pause_limit: float = PAUSE_LIMIT,
        memory: int = IMAGE_MEMORY,
    ) -> Accounting:
        """Return who holds the references to the type at an address, of another process.

        Raises :class:`~inspector.errors.NoSuchObject` for what is no counted type, and what
        :meth:`referrers` raises.
        """
        from inspector.reader.accounting import (
            account_for_type,
        )
        from inspector.reader.leaks import LeakRequest

        with self._heap_reader() as reader, report_end(self._process, self.layout.published):
            process = self._refuse_own()
            process.check()
            request = LeakRequest(pause_limit if blocking else None, memory, values=False)
            heap = reader.heap_layout(pause_limit)
            found = account_for_type(process, self.layout, heap, address, request)
            process.check()
            return found

    def _refuse_own(self) -> OtherProcess:
        """Return the process; raise :class:`NoSuchTarget` for the own one."""
        if isinstance(self._process, OwnProcess):
            raise NoSuchTarget(
                "a process cannot search its own memory, which moves meanwhile",
                pid=self._process.pid,
                hint="run inspector beside it",
            )
        return self._process

    def allocator(self, *, pause_limit: float = PAUSE_LIMIT) -> Allocator:
        """Return what each heap of each thread uses, by the headers of pages alone.

        Raises :class:`LayoutError` if the allocator's layout is not found.
        """
        from inspector.reader.allocator import read_allocator

        with self._heap_reader() as reader, report_end(self._process, self.layout.published):
            self._process.check()
            return read_allocator(reader, self._process.pid, self._facts(), pause_limit)

    def heap_offsets(self, *, pause_limit: float = PAUSE_LIMIT) -> tuple[Offset, ...]:
        """Return the allocator's offsets with their evidence.

        Raises :class:`LayoutError` if the allocator's layout is not found.
        """
        with self._heap_reader() as reader, report_end(self._process, self.layout.published):
            return reader.heap_layout(pause_limit).offsets

    @contextmanager
    def _heap_reader(self) -> Iterator[HeapReader]:
        """Yield the reader of the heap; a new one if another thread is using it."""
        from inspector.reader.heap import HeapReader

        with self._turns.take() as alone:
            if alone:
                if self._heap is None:
                    self._heap = HeapReader(self._process, self.layout)
                yield self._heap
                return
            process = self._process.apart()
            try:
                yield HeapReader(process, self.layout)
            finally:
                process.close()

    def _facts(self) -> dict[str, Any]:
        """Return the ``target`` of documents."""
        interpreter = list(read_interpreter_ids(self._process.memory, self.layout))[-1]
        published = self.layout.published
        return TargetInfo(
            self._process.pid,
            spell_version(published.version),
            read_gil_enabled(self._process.memory, published, interpreter),
            self._process.command(),
        )._asdict()
