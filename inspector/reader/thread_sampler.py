"""Samples of what the threads of a process do: run, wait for a lock, wait for a stop."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from inspector.cpython.parking_lot import BUCKETS_SIZE, read_waiters
from inspector.cpython.runtime_lists import read_interpreters
from inspector.cpython.words import word_at
from inspector.process.recent_reads import RecentReads
from inspector.process.system_calls import read_activity
from inspector.reader.thread_offsets import find_thread_offsets
from inspector.reader.thread_words import ThreadWords
from inspector.reader.top_frames import TopFrames
from inspector.snapshots.thread_sample import (
    ATTACHED,
    ParkedOn,
    StopRequest,
    ThreadSample,
    ThreadView,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.cpython.parking_lot import Waiter
    from inspector.process.other import OtherProcess
    from inspector.reader.heat_sampler import HeatSampler
    from inspector.reader.thread_words import Moment, ThreadHead
    from inspector.reader.top_frames import TopFrame
    from inspector.snapshots.heat import HeatSample
    from inspector.snapshots.thread_sample import CodeLocation

__all__ = ["ThreadSampler"]

MUTEX_OF_OBJECT: Final = 10
"""``offsetof(PyObject, ob_mutex)`` of a free-threaded build (Include/object.h)."""
MUTEX_OF_LOCK: Final = 32
"""Where ``_thread.lock``, ``_thread.RLock`` and ``_queue.SimpleQueue`` have theirs, behind the
header (Modules/_threadmodule.c, Modules/_queuemodule.c)."""

STOP_EVENT: Final = 4
"""``offsetof(struct _stoptheworld_state, stop_event)``."""

LARGEST_STACK: Final = 1 << 30
"""Bytes between a thread's ``struct pthread`` and any frame of its C stack, at most."""

LOOK_AGAIN: Final = 8
"""What seems to be the same is read again in one of so many samples."""

SLOTS_EVERY: Final = 4
"""Objects that frames hold are looked at in one of so many samples."""

MOST_RUNNING: Final = 64
"""Attached threads whose frames are read in one sample."""


class ThreadSampler:
    """Samples another process; nothing is stopped or written.

    ``types`` are names of types by address; the owner of a lock is named if its type is one of
    them.  ``heat`` samples the headers of objects at the same moments.

    Raises :class:`LayoutError` if the state of a thread is not found.
    """

    def __init__(
        self,
        process: OtherProcess,
        layout: Layout,
        types: Mapping[int, str],
        heat: HeatSampler | None = None,
    ) -> None:
        self._process = process
        self._memory = process.memory
        self._layout = layout
        self._published = layout.published
        self._types = types
        self._frames = TopFrames(self._memory, layout.published)
        self._interpreters = read_interpreters(self._memory, self._published, layout.runtime)
        self._offsets = find_thread_offsets(process.pid, self._memory, layout)
        self._words = ThreadWords(
            self._memory, layout, self._interpreters, self._offsets.stops, self._offsets.state
        )
        self._reads = RecentReads(self._memory)
        self._owners: dict[int, ParkedOn] = {}
        self._heat = heat
        self._plans = self._samples = 0
        self._places: dict[int, tuple[int, int, CodeLocation]] = {}
        """Native id of a waiting thread -> its frame, what it waits for, and where."""
        self._table = b""
        self._waiters: list[Waiter] = []
        self._assigned: tuple[list[Waiter], int, dict[int, ParkedOn]] = ([], 0, {})
        """Waiters, the number of plans, and which thread each of them is."""

    @property
    def unproved(self) -> tuple[str, ...]:
        """What samples cannot show because its place in memory was not found, in words."""
        return self._offsets.unproved

    def sample(self, *, with_activity: bool) -> ThreadSample:
        """Take one sample; ``with_activity`` also asks the kernel what each thread does.

        Raises :class:`MemoryFault` or :class:`LayoutError` if threads come and go too fast,
        and what reading a process raises.
        """
        self._samples += 1
        moment = self._words.read()
        heads = moment.heads
        heat, running = self._sample_heat(heads)
        waiters = self._read_waiters()
        if waiters is not self._assigned[0] or self._words.plans != self._assigned[1]:
            parked = self._assign_waiters(heads, waiters) if waiters else {}
            self._assigned = waiters, self._words.plans, parked
        parked = self._assigned[2]
        stops = self._name_requesters(moment)
        asking = {stop.requester for stop in stops}
        chosen = []
        located: dict[int, CodeLocation] = {}
        for head in heads:
            native = head.thread.native_id
            if native in parked or native in asking:
                place = None if native in asking else self._find_known_place(head, parked[native])
                if place is None:
                    chosen.append(head)
                else:
                    located[native] = place
        frames = self._frames.read(chosen) if chosen else []
        if running or frames:
            located |= self._frames.locate(running + frames)
        for head in chosen:
            native = head.thread.native_id
            if native in parked and native in located:
                self._places[native] = (head.frame, parked[native].address, located[native])
        views = []
        for head in heads:
            native = head.thread.native_id
            activity = None
            if with_activity and native not in parked:
                activity = read_activity(self._process.pid, native)
            views.append(
                ThreadView(native, head.state, parked.get(native), located.get(native), activity)
            )
        return ThreadSample(tuple(views), tuple(stops), moment.gil_enabled, heat)

    def _find_known_place(self, head: ThreadHead, parked: ParkedOn) -> CodeLocation | None:
        """Return where a thread waits, if it waited for the same in the same frame before.

        It is looked at again now and then: it may have gone on to another line of the frame.
        """
        native = head.thread.native_id
        frame, address, place = self._places.get(native, (0, 0, None))
        if (self._samples + native) % LOOK_AGAIN == 0:
            return None
        return place if (frame, address) == (head.frame, parked.address) else None

    def _read_waiters(self) -> list[Waiter]:
        """Return all waiting threads; none where the parking lot was not found.

        As long as the table stays the same its lists are read again only now and then.
        """
        buckets = self._offsets.buckets
        if buckets is None:
            return []
        table = self._memory.read(buckets, BUCKETS_SIZE)
        if table != self._table or self._samples % LOOK_AGAIN == 0:
            self._table = table
            self._waiters = read_waiters(self._reads, buckets, table)
        return self._waiters

    def _sample_heat(self, heads: list[ThreadHead]) -> tuple[HeatSample | None, list[TopFrame]]:
        """Return which objects' counts change, and the frames of running threads if any does.

        Frames are read between two readings of the headers: a count that changes in between
        is changed by a thread that is near its line.
        """
        if self._heat is None:
            return None, []
        if self._words.plans != self._plans:
            self._plans = self._words.plans
            self._heat.renew()
        attached = [head for head in heads if head.state == ATTACHED][:MOST_RUNNING]
        if self._samples % SLOTS_EVERY == 0:
            self._heat.consider(self._frames.read_slots(attached))
        self._heat.look_around()
        before = self._heat.read()
        if not before:
            return None, []
        running = self._frames.read(attached)
        heat = self._heat.compare(before, self._heat.read())
        return heat, running if heat is not None and heat.moved else []

    def _name_requesters(self, moment: Moment) -> list[StopRequest]:
        """Return the stops that are on, each with the thread that asked for it."""
        found = []
        for stop in moment.stops:
            if not stop.state.requested:
                continue
            requester = None
            for head in moment.heads:
                if head.thread.address == stop.state.requester:
                    requester = head.thread.native_id
            of_all = stop.base == self._layout.runtime
            found.append(StopRequest(requester, stop.collecting, of_all))
        return found

    def _assign_waiters(
        self, heads: list[ThreadHead], waiters: list[Waiter]
    ) -> dict[int, ParkedOn]:
        """Return what each waiting thread waits for, by native id.

        A wait entry is on the C stack of its thread, below that thread's ``struct pthread``,
        whose address is its ``thread_id``; only the main thread's stack is above all of these.
        """
        order = sorted(heads, key=lambda head: head.thread.thread_id)
        tops = [head.thread.thread_id for head in order]
        main = next((head for head in heads if head.thread.native_id == self._process.pid), None)
        stops = self._list_stop_addresses(heads)
        found = {}
        for waiter in waiters:
            place = bisect_right(tops, waiter.entry)
            owner = order[place] if place < len(order) else main
            if owner is None:
                continue
            distance = owner.thread.thread_id - waiter.entry
            if owner is main or distance < LARGEST_STACK:
                found[owner.thread.native_id] = self._describe(waiter.address, stops)
        return found

    def _describe(self, address: int, stops: set[int]) -> ParkedOn:
        """Return what is at an address that a thread waits for; ``stops`` are those of stops."""
        if address in stops:
            return ParkedOn(address, is_stop=True, owner=None, owner_type="")
        if address not in self._owners:
            self._owners[address] = self._find_owner(address)
        return self._owners[address]

    def _list_stop_addresses(self, heads: list[ThreadHead]) -> set[int]:
        """Return the addresses that a thread can wait for in a stop of the world."""
        found = {head.thread.address + self._offsets.state for head in heads}
        bases = [(address, self._offsets.stops.interpreter) for address in self._interpreters]
        bases.append((self._layout.runtime, self._offsets.stops.runtime))
        for base, offset in bases:
            if offset is not None:
                found |= {base + offset, base + offset + STOP_EVENT}
        return found

    def _find_owner(self, address: int) -> ParkedOn:
        """Return the object with the mutex at an address; without a name if its type is unknown."""
        at = self._published["pyobject.ob_type"]
        for distance in (MUTEX_OF_OBJECT, MUTEX_OF_LOCK):
            owner = address - distance
            if owner <= 0 or owner % 8:
                continue
            (words,) = self._memory.read_many([(owner + at, 8)])
            if words is not None and word_at(words, 0) in self._types:
                name = self._types[word_at(words, 0)]
                return ParkedOn(address, is_stop=False, owner=owner, owner_type=name)
        return ParkedOn(address, is_stop=False, owner=None, owner_type="")
