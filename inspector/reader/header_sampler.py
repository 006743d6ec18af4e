"""How busy headers are: sampled many times a second between two readings.

Plain references that come and go in equal numbers leave no trace in two readings; only
samples show that the header changed.  A garbage collection, and a thread that ends, change
headers as well, although nobody uses the type.  Samples are therefore discarded during a
collection, and when an array was merged or replaced or a thread began since the one before.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Final

from inspector.cpython.collector import locate_collector_words
from inspector.cpython.pool import LOCKED
from inspector.cpython.runtime_lists import read_threads
from inspector.process.repeated_words import RepeatedWords
from inspector.process.vectors import WORD
from inspector.snapshots.header_samples import HeaderSamples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from inspector.cpython.layout import Layout
    from inspector.process.memory import ProcessMemory
    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["RATE", "SHARED", "HeaderSampler", "MergeWords"]

RATE: Final = 1000.0
"""Samples per second at most."""

SHARED: Final = 16
"""Offset of ``ob_ref_shared`` (Include/object.h, ``struct _object``, 3.14 and 3.15)."""


class MergeWords:
    """Words that show that counts may be merged into headers: a collection, a thread's end."""

    def __init__(self, memory: ProcessMemory, layout: Layout, interpreters: Sequence[int]) -> None:
        """Find the words of the interpreters at these addresses."""
        self._subject = memory, layout, interpreters
        published = layout.published
        self._flags: list[tuple[int, int]] = []
        """Index of a word, bits that must be 0 in it."""
        words: list[int] = []
        for interpreter in interpreters:
            collecting, collections = locate_collector_words(memory, published, interpreter)
            inside = 8 * (collecting % WORD)
            self._flags.append((len(words), 0xFFFF_FFFF << inside))
            words.append(collecting - collecting % WORD)
            self._flags.append((len(words), LOCKED))
            words.append(interpreter + layout.unique_ids)
            # Thread states that were ever made; see inspector.reader.reading.
            words.append(interpreter + published["interpreter_state.threads_head"] - WORD)
            words += collections
            chain = read_threads(memory, published, interpreter, layout.refcounts)
            words += [thread.address + layout.refcounts for thread in chain]
        self.words = words
        """Their addresses."""

    def renew(self) -> MergeWords:
        """Find the words anew, after threads came or went."""
        return MergeWords(*self._subject)

    def is_quiet(self, values: Sequence[int]) -> bool:
        """Whether nothing is being merged, by values that begin with those of the words."""
        return not any(values[place] & bits for place, bits in self._flags)


class HeaderSampler:
    """Samples ``ob_ref_shared`` of all counted objects of a snapshot, without any pause."""

    def __init__(
        self, memory: ProcessMemory, layout: Layout, interpreters: Sequence[int], snapshot: Snapshot
    ) -> None:
        """Sample the objects of a snapshot of the interpreters at these addresses."""
        self._merges = MergeWords(memory, layout, interpreters)
        addresses = list(self._merges.words)
        self._state = len(addresses)
        self._places: dict[ObjectKey, int] = {}
        for row in snapshot:
            if row.shared is not None and row.state != "immortal":
                self._places[row.key] = len(addresses) - self._state
                addresses.append(row.address + SHARED)
        self._words = RepeatedWords(memory, addresses)
        self._numbers = range(len(addresses) - self._state)
        self._before: tuple[int, ...] = ()
        self._moved = [0] * len(self._numbers)
        self._samples = self._left_out = 0
        self._seconds = self._at = 0.0

    def sample(self) -> None:
        """Take one sample.

        Raises :class:`~inspector.errors.MemoryFault` if the page of an object or a thread is
        gone, and what reading a process raises.
        """
        words = self._words.read()
        before, self._before = self._before, words
        then, self._at = self._at, time.monotonic()
        if not before:
            return
        cut = self._state
        if not self._merges.is_quiet(words) or words[:cut] != before[:cut]:
            self._left_out += 1
            return
        self._samples += 1
        self._seconds += self._at - then
        moved = self._moved
        for place in compress(self._numbers, map(ne, words[cut:], before[cut:])):
            moved[place] += 1

    def run(
        self,
        seconds: float,
        rate: float = RATE,
        share: float = 1.0,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        """Sample for some time, at most ``rate`` times a second.

        Takes at most a ``share`` of one core, and samples less often if it has to.  ``turn``
        is held during each sample, so that other threads can :meth:`take` in between.
        """
        turn = nullcontext() if turn is None else turn
        begin = due = time.monotonic()
        used = time.thread_time()
        taken = 0
        while (now := time.monotonic()) < begin + seconds:
            with turn:
                self.sample()
            taken += 1
            cost = (time.thread_time() - used) / taken
            # Missed samples are not made up for: samples should be evenly spread.
            due = max(due + max(1 / rate, cost / share), now)
            time.sleep(max(0.0, min(due, begin + seconds) - time.monotonic()))

    def take(self) -> HeaderSamples:
        """Return the samples since the last call."""
        sampled = HeaderSamples(
            self._places, self._moved, self._samples, self._left_out, self._seconds
        )
        self._moved = [0] * len(self._moved)
        self._samples = self._left_out = 0
        self._seconds = 0.0
        return sampled
