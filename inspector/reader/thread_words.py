"""The words of all threads and stops of a process, read many times a second in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.runtime_lists import read_threads
from inspector.cpython.stop_the_world import StopState
from inspector.errors import MemoryFault
from inspector.process.repeated_words import RepeatedWords
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.layout import Layout
    from inspector.cpython.runtime_lists import Thread
    from inspector.cpython.stop_the_world import StopOffsets
    from inspector.process.memory import ProcessMemory

__all__ = ["Moment", "StopRead", "ThreadHead", "ThreadWords"]

UNSIGNED: Final = (1 << 64) - 1
INT: Final = (1 << 32) - 1

TRIES: Final = 10
"""Plans that are made in a row while threads come and go."""


class ThreadHead(NamedTuple):
    """One thread at one moment."""

    thread: Thread
    state: int
    """``PyThreadState.state``."""
    frame: int
    """Address of its top frame."""


class StopRead(NamedTuple):
    """The state of stops of one interpreter, or of the runtime."""

    base: int
    """Address of the interpreter or of the runtime."""
    state: StopState
    collecting: bool
    """The garbage collector of that interpreter is at work."""


class Moment(NamedTuple):
    """All that is read in one call."""

    heads: list[ThreadHead]
    stops: list[StopRead]
    gil_enabled: bool


class ThreadWords:
    """Reads the same words again and again, and finds out when the threads are others."""

    def __init__(
        self,
        memory: ProcessMemory,
        layout: Layout,
        interpreters: Sequence[int],
        stop_offsets: StopOffsets,
        state: int,
    ) -> None:
        """``state`` is the offset of ``PyThreadState.state``."""
        self._memory = memory
        self._layout = layout
        self._published = layout.published
        self._interpreters = list(interpreters)
        self._state = state
        self._collecting = (
            layout.published["interpreter_state.gc"] + layout.published["gc.collecting"]
        )
        self._stops: list[tuple[int, int]] = []
        for interpreter in self._interpreters:
            if stop_offsets.interpreter is not None:
                self._stops.append((interpreter, stop_offsets.interpreter))
        if stop_offsets.runtime is not None:
            self._stops.append((layout.runtime, stop_offsets.runtime))
        self._known: dict[int, list[Thread]] = {}
        self._threads: list[Thread] = []
        self._links: tuple[int, ...] = ()
        self._words: RepeatedWords | None = None
        self.plans = 0
        """How often threads were found to have come or gone."""

    def read(self) -> Moment:
        """Read all words once.

        Raises :class:`MemoryFault` and :class:`~inspector.errors.LayoutError` if threads come
        and go too fast, and what reading a process raises.
        """
        for _ in range(TRIES):
            words = self._words or self._plan()
            try:
                values = words.read()
            except MemoryFault:
                self._words = None
                continue
            number = len(self._links)
            if values[:number] == self._links:
                return self._decode(values[number:])
            self._words = None
        raise MemoryFault(self._interpreters[0], WORD)

    def _plan(self) -> RepeatedWords:
        """Follow the lists of threads, and plan to read what is in each."""
        published = self._published
        addresses, links = [], []
        self._threads = []
        whole = True
        for interpreter in self._interpreters:
            chain = read_threads(
                self._memory,
                published,
                interpreter,
                self._layout.refcounts,
                self._known.get(interpreter, ()),
            )
            self._known[interpreter] = chain
            addresses.append(interpreter + published["interpreter_state.threads_head"])
            links.append(chain[0].address if chain else 0)
            for thread in chain:
                addresses.append(thread.address + published["thread_state.next"])
                links.append(thread.next)
                whole &= thread.bound
            self._threads += [thread for thread in chain if thread.bound]
        self._links = tuple(links)
        for base, offset in self._stops:
            start = base + offset
            addresses += [start, start + 2 * WORD]
        for interpreter in self._interpreters:
            collecting = interpreter + self._collecting
            addresses.append(collecting - collecting % WORD)
            gil = interpreter + published["interpreter_state.ceval_gil"]
            gil = int.from_bytes(self._memory.read(gil, WORD), "little")
            gil += published["interpreter_state.gil_runtime_state_enabled"]
            addresses.append(gil - gil % WORD)
        for thread in self._threads:
            state = thread.address + self._state
            frame = thread.address + published["thread_state.current_frame"]
            addresses += [state - state % WORD, frame]
        words = RepeatedWords(self._memory, addresses)
        self.plans += 1
        # A thread that begins or ends is looked at again next time.
        self._words = words if whole else None
        return words

    def _decode(self, values: Sequence[int]) -> Moment:
        published = self._published
        place = 2 * len(self._stops)
        collecting: dict[int, bool] = {}
        gil = False
        for interpreter in self._interpreters:
            at = interpreter + self._collecting
            collecting[interpreter] = bool(values[place] >> 8 * (at % WORD) & INT)
            at = published["interpreter_state.gil_runtime_state_enabled"]
            gil |= bool(values[place + 1] >> 8 * (at % WORD) & INT)
            place += 2
        stops = []
        for number, (base, _) in enumerate(self._stops):
            first, requester = values[2 * number] & UNSIGNED, values[2 * number + 1] & UNSIGNED
            state = StopState(bool(first >> 8 & 0xFF), bool(first >> 16 & 0xFF), requester)
            stops.append(StopRead(base, state, collecting.get(base, False)))
        shift = 8 * (self._state % WORD)
        heads = [
            ThreadHead(thread, values[at] >> shift & INT, values[at + 1] & UNSIGNED)
            for thread, at in zip(
                self._threads, range(place, place + 2 * len(self._threads), 2), strict=True
            )
        ]
        return Moment(heads, stops, gil)
