"""Samples of what the threads of a process do: run, wait for a lock, wait for a stop."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.code_lines import CodeLines
from inspector.cpython.frames import OWNED_BY_INTERPRETER
from inspector.cpython.parking_lot import BUCKETS_SIZE, find_buckets, read_waiters
from inspector.cpython.runtime_lists import read_gil_enabled, read_interpreters, read_threads
from inspector.cpython.stop_the_world import STOP_SIZE, StopState, find_stop_offsets
from inspector.cpython.words import word_at
from inspector.errors import LayoutError
from inspector.process import proc
from inspector.process.system_calls import read_activity
from inspector.snapshots.thread_sample import (
    ParkedOn,
    StopRequest,
    ThreadSample,
    ThreadView,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.cpython.layout import Layout
    from inspector.cpython.parking_lot import Waiter
    from inspector.cpython.runtime_lists import Thread
    from inspector.process.other import OtherProcess
    from inspector.process.vectors import Range
    from inspector.snapshots.thread_sample import CodeLocation

__all__ = ["ThreadSampler"]

MUTEX_OF_OBJECT: Final = 10
"""``offsetof(PyObject, ob_mutex)`` of a free-threaded build (Include/object.h)."""
MUTEX_OF_LOCK: Final = 32
"""Where ``_thread.lock``, ``_thread.RLock`` and ``_queue.SimpleQueue`` have theirs, behind the
header (Modules/_threadmodule.c, Modules/_queuemodule.c)."""

TRIES: Final = 10
"""Looks at the parking lot, whose first or last list may have a waiter just then."""

STOP_EVENT: Final = 4
"""``offsetof(struct _stoptheworld_state, stop_event)``."""

LARGEST_STACK: Final = 1 << 30
"""Bytes between a thread's ``struct pthread`` and any frame of its C stack, at most."""

MOST_ENTRY_FRAMES: Final = 4
"""Entry frames in a row that are gone past to find the frame of Python code."""

STATE_BEHIND_STATUS: Final = 12
"""In 3.14 ``PyThreadState.state`` follows ``_status``, ``holds_gil`` and ``_whence``; in 3.15
``gil_requested`` and ``_whence`` stand before it (Include/cpython/pystate.h)."""


SHUTTING_DOWN: Final = 3
"""``_Py_THREAD_SHUTTING_DOWN``, the largest state (Include/internal/pycore_pystate.h)."""


class _Head(NamedTuple):
    """The published part of a thread state in one reading."""

    thread: Thread
    interpreter: int
    state: int
    frame: int
    """Address of its top frame."""


class ThreadSampler:
    """Samples another process; nothing is stopped or written.

    ``types`` are names of types by address; the owner of a lock is named if its type is one of
    them.  Raises :class:`LayoutError` if the parking lot or the state of a thread is not found.
    """

    def __init__(self, process: OtherProcess, layout: Layout, types: Mapping[int, str]) -> None:
        self._process = process
        self._memory = process.memory
        self._layout = layout
        self._published = layout.published
        self._types = types
        self._lines = CodeLines(self._memory, layout.published)
        self._interpreters = read_interpreters(self._memory, self._published, layout.runtime)
        self.stop_offsets = find_stop_offsets(
            self._memory, self._published, layout.runtime, self._interpreters
        )
        self._threads: dict[int, list[Thread]] = {}
        self._buckets = self._find_parking_lot()
        self._state = self._find_state()
        self._owners: dict[int, ParkedOn] = {}

    @property
    def unproved(self) -> tuple[str, ...]:
        """What samples cannot show because its place in memory was not found, in words."""
        found = []
        if self.stop_offsets.interpreter is None:
            found.append("stops of the world of one interpreter")
        if self.stop_offsets.runtime is None:
            found.append("stops of the world of all interpreters")
        return tuple(found)

    def _find_parking_lot(self) -> int:
        """Return the address of the parking lot's table, in the data of CPython's binary."""
        places = self._find_static_memory()
        found: list[int] = []
        for _ in range(TRIES):
            found = find_buckets(self._memory, places)
            if len(found) == 1:
                return found[0]
        raise LayoutError(
            "parking_lot.buckets",
            expected="one table of 257 lists in CPython's data",
            found=f"{len(found)}",
        )

    def _find_static_memory(self) -> list[Range]:
        """Return the writable mappings of the binary that has ``_PyRuntime``, its .bss included."""
        mappings = list(proc.read_mappings(self._process.pid))
        runtime = self._layout.runtime
        home = next((place for place in mappings if place.start <= runtime < place.end), None)
        found: list[Range] = []
        end = 0
        for mapping in mappings:
            belongs = home is not None and mapping.path == home.path
            if mapping.writable and (belongs or (not mapping.path and mapping.start == end)):
                found.append((mapping.start, mapping.end - mapping.start))
                end = mapping.end
        return found

    def _find_state(self) -> int:
        """Return the offset of ``PyThreadState.state``; every thread's must be a state."""
        published = self._published
        before = published.get("thread_state.gil_requested", published["thread_state.status"])
        distance = 8 if "thread_state.gil_requested" in published else STATE_BEHIND_STATUS
        offset = before + distance
        for interpreter in self._interpreters:
            for thread in self._read_threads(interpreter):
                state = self._memory.read(thread.address + offset, 4)
                if int.from_bytes(state, "little") > SHUTTING_DOWN:
                    raise LayoutError("thread_state.state", expected="0 to 3", found=state.hex())
        return offset

    def _read_threads(self, interpreter: int) -> list[Thread]:
        """Return the threads of an interpreter; reuse the addresses of the last sample."""
        known = self._threads.get(interpreter, ())
        self._threads[interpreter] = read_threads(
            self._memory, self._published, interpreter, self._layout.refcounts, known
        )
        return self._threads[interpreter]

    def sample(self, *, with_activity: bool) -> ThreadSample:
        """Take one sample; ``with_activity`` also asks the kernel what each thread does.

        Raises :class:`MemoryFault` or :class:`LayoutError` if threads come and go too fast,
        and what reading a process raises.
        """
        heads = []
        requests = []
        for interpreter in self._interpreters:
            heads += self._read_heads(interpreter)
            requests.append(self._read_stop(interpreter, self.stop_offsets.interpreter))
        requests.append(self._read_stop(self._layout.runtime, self.stop_offsets.runtime))
        table = self._memory.read(self._buckets, BUCKETS_SIZE)
        waiters = read_waiters(self._memory, self._buckets, table)
        parked = self._assign_waiters(heads, waiters)
        stops = self._name_requesters(heads, requests)
        asking = {stop.requester for stop in stops}
        chosen = [
            head
            for head in heads
            if head.thread.native_id in parked or head.thread.native_id in asking
        ]
        located = self._locate(chosen)
        views = []
        for head in heads:
            native = head.thread.native_id
            activity = None
            if with_activity and native not in parked:
                activity = read_activity(self._process.pid, native)
            views.append(
                ThreadView(native, head.state, parked.get(native), located.get(native), activity)
            )
        gil = any(
            read_gil_enabled(self._memory, self._published, each) for each in self._interpreters
        )
        return ThreadSample(tuple(views), tuple(stops), gil)

    def _read_heads(self, interpreter: int) -> list[_Head]:
        """Read the state and the top frame of each thread that is bound."""
        at = self._published["thread_state.current_frame"]
        bound = [thread for thread in self._read_threads(interpreter) if thread.bound]
        ranges = []
        for thread in bound:
            ranges += [(thread.address + self._state, 4), (thread.address + at, 8)]
        pieces = self._memory.read_many(ranges)
        found = []
        for thread, state, frame in zip(bound, pieces[::2], pieces[1::2], strict=True):
            if state is not None and frame is not None:
                number = int.from_bytes(state, "little")
                found.append(_Head(thread, interpreter, number, word_at(frame, 0)))
        return found

    def _read_stop(self, base: int, offset: int | None) -> tuple[int, StopState] | None:
        """Read the state of stops in an interpreter or in the runtime; None if unknown."""
        if offset is None:
            return None
        return base, StopState.decode(self._memory.read(base + offset, STOP_SIZE))

    def _name_requesters(
        self, heads: list[_Head], states: Iterable[tuple[int, StopState] | None]
    ) -> list[StopRequest]:
        by_address = {head.thread.address: head.thread.native_id for head in heads}
        found = []
        for found_state in states:
            if found_state is None:
                continue
            base, state = found_state
            if not state.requested:
                continue
            of_all = base == self._layout.runtime
            found.append(
                StopRequest(
                    by_address.get(state.requester),
                    not of_all and self._is_collecting(base),
                    of_all,
                )
            )
        return found

    def _is_collecting(self, interpreter: int) -> bool:
        published = self._published
        at = interpreter + published["interpreter_state.gc"] + published["gc.collecting"]
        return any(self._memory.read(at, 4))

    def _assign_waiters(self, heads: list[_Head], waiters: list[Waiter]) -> dict[int, ParkedOn]:
        """Return what each waiting thread waits for, by native id.

        A wait entry is on the C stack of its thread, below that thread's ``struct pthread``,
        whose address is its ``thread_id``; only the main thread's stack is above all of these.
        """
        order = sorted(heads, key=lambda head: head.thread.thread_id)
        tops = [head.thread.thread_id for head in order]
        main = next((head for head in heads if head.thread.native_id == self._process.pid), None)
        found = {}
        for waiter in waiters:
            place = bisect_right(tops, waiter.entry)
            owner = order[place] if place < len(order) else main
            if owner is None:
                continue
            distance = owner.thread.thread_id - waiter.entry
            if owner is main or distance < LARGEST_STACK:
                found[owner.thread.native_id] = self._describe(waiter.address, heads)
        return found

    def _describe(self, address: int, heads: list[_Head]) -> ParkedOn:
        """Return what is at an address that a thread waits for."""
        if address in self._list_stop_addresses(heads):
            return ParkedOn(address, is_stop=True, owner=None, owner_type="")
        if address not in self._owners:
            self._owners[address] = self._find_owner(address)
        return self._owners[address]

    def _list_stop_addresses(self, heads: list[_Head]) -> set[int]:
        """Return the addresses that a thread can wait for in a stop of the world."""
        found = {head.thread.address + self._state for head in heads}
        bases = [(address, self.stop_offsets.interpreter) for address in self._interpreters]
        bases.append((self._layout.runtime, self.stop_offsets.runtime))
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

    def _locate(self, heads: list[_Head]) -> dict[int, CodeLocation]:
        """Return where the top frames of some threads are, by native id."""
        published = self._published
        size = published["interpreter_frame.localsplus"]
        previous = published["interpreter_frame.previous"]
        owner_at = published["interpreter_frame.owner"]
        index_at = published["interpreter_frame.tlbc_index"]
        ahead = [(head.thread.native_id, head.frame) for head in heads if head.frame]
        natives, frames = [], []
        for _ in range(MOST_ENTRY_FRAMES):
            pieces = self._memory.read_many([(frame, size) for _, frame in ahead])
            further = []
            for (native, _), words in zip(ahead, pieces, strict=True):
                if words is None:
                    continue
                if words[owner_at] >= OWNED_BY_INTERPRETER:
                    if word_at(words, previous):
                        further.append((native, word_at(words, previous)))
                    continue
                code = word_at(words, published["interpreter_frame.executable"]) & ~3
                pointer = word_at(words, published["interpreter_frame.instr_ptr"])
                index = int.from_bytes(words[index_at : index_at + 4], "little")
                natives.append(native)
                frames.append((code, pointer, index))
            ahead = further
            if not ahead:
                break
        located = zip(natives, self._lines.find(frames), strict=True)
        return {native: location for native, location in located if location is not None}
