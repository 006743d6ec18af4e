"""Who counts where: net plain traffic on headers against net traffic per thread; pure.

A collection, and a thread that ends, move contributions into headers.  Seen from two
readings that looks like traffic on the header and is none, and how much was moved
cannot be told afterwards: a step from reading to reading in which that happened, or
may have happened, is left out of the sums.  Totals are not concerned.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, replace
from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from inspector.census.frame import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.census.frame import Frame
    from inspector.census.heat import Sampled
    from inspector.census.interpreter import InterpreterCount
    from inspector.census.snapshot import Snapshot

__all__ = ["Flows", "Merges", "merges"]

SLOTS: Final = 8
"""Ids of one array that tell, all together, that it was merged."""


class Merges(NamedTuple):
    """What moved contributions into headers between two readings."""

    collections: int
    ended: int
    """Threads."""
    unsure: bool
    """One may have been under way, or have gone unseen."""

    @property
    def none(self) -> bool:
        """Whether headers and arrays are where their users left them."""
        return not (self.collections or self.ended or self.unsure)


def merges(before: Snapshot, after: Snapshot) -> Merges:
    """Return what was merged between two snapshots of one process.

    Collections are counted by the collector.  Thread states that ended are those that
    were started and are not there, also one that came and went in between.
    """
    old = {each.id: each for each in before.interpreters}
    pairs = [(old[each.id], each) for each in after.interpreters if each.id in old]
    unsure = any(one.merging or two.merging for one, two in pairs)
    collections = 0
    for one, two in pairs:
        if one.collections is None or two.collections is None:
            collections += _reset(before, after)
        else:
            # One that begins anew is another interpreter of that id.
            unsure |= two.collections < one.collections
            collections += max(0, two.collections - one.collections)
    return Merges(collections, sum(_ended(*pair) for pair in pairs), unsure)


def _ended(before: InterpreterCount, after: InterpreterCount) -> int:
    """Return how many thread states ended, or at least merged for good."""
    there = {thread.native_id: thread for thread in after.threads}
    gone = sum(thread.native_id not in there for thread in before.threads)
    final = sum(
        there[thread.native_id].finalized and not thread.finalized
        for thread in before.threads
        if thread.native_id in there
    )
    if before.threads_started is not None and after.threads_started is not None:
        started = after.threads_started - before.threads_started
        gone = max(gone, started + len(before.threads) - len(after.threads))
    return gone + final


def _reset(before: Snapshot, after: Snapshot) -> bool:
    """Whether most ids of one thread's array went to 0 at once: nobody but a merge does that."""
    now = {row.address: row.contributions for row in after}
    had: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    for row in before:
        if row.address in now:
            had.update(row.contributions.keys())
            lost.update(row.contributions.keys() - now[row.address].keys())
    return any(had[thread] >= SLOTS and 2 * lost[thread] > had[thread] for thread in had)


class Sums(NamedTuple):
    """Numbers per object, in the places of the latest frame."""

    header: array[int]
    """Net: plain references."""
    contributed: array[int]
    """Net: references that threads counted in their arrays."""
    used: array[int]
    """Steps in which any thread's contribution was seen to move."""
    lost: array[int]
    """Steps in which the header gave back exactly twice what threads took."""
    moved: array[int]
    """Samples in which ``ob_ref_shared`` was not what it had been."""
    samples: array[int]
    """All of them: those taken between readings, or else the readings themselves."""


@dataclass(frozen=True)
class Flows:
    """The traffic of every object of a reading, summed up over steps without a merge."""

    sums: Sums
    steps: int = 0
    """That were summed up."""
    seconds: float = 0.0
    """That these took."""
    merges: int = 0
    """Collections and ended threads in all steps, those left out included."""
    ended: int = 0
    """Threads, of these."""

    @classmethod
    def none(cls, size: int) -> Self:
        """Return those of so many objects that were read once."""
        return cls(Sums._make(array("q", bytes(8 * size)) for _ in Sums._fields))

    def step(
        self, before: Frame, frame: Frame, merged: Merges, sampled: Sampled | None = None
    ) -> Flows:
        """Return the sums with one more step, and with what was sampled in it."""
        places = None
        if frame.places is not before.places:
            places = [before.places.get(key, -1) for key in frame.keys]
        sums = Sums._make(_placed(each, places, 0) for each in self.sums)
        flows = replace(
            self,
            sums=sums,
            merges=self.merges + merged.collections + merged.ended,
            ended=self.ended + merged.ended,
        )
        if sampled is not None:
            _add_samples(sums, frame, sampled)
        if not merged.none:
            return flows
        counted = _placed(before.counted, places, UNKNOWN)
        contributed = _placed(before.contributed, places, UNKNOWN)
        _add_flows(sums, frame, counted, contributed)
        if sampled is None:
            _add_looks(sums, frame, _placed(before.shared, places, UNKNOWN))
        seconds = self.seconds + (frame.taken_ns - before.taken_ns) / 1e9
        return replace(flows, steps=self.steps + 1, seconds=seconds)


def _placed(values: array[int], places: Sequence[int] | None, nothing: int) -> array[int]:
    """Return a copy of values in the places of another frame; ``nothing`` for what is new."""
    if places is None:
        return values[:]
    return array("q", [nothing if place < 0 else values[place] for place in places])


def _different(before: array[int], after: array[int]) -> Iterable[int]:
    """Return the places of two arrays at which they differ: few, of thousands."""
    return compress(range(len(after)), map(ne, before, after))


def _add_flows(sums: Sums, frame: Frame, counted: array[int], contributed: array[int]) -> None:
    """Add what moved since the reading that had these numbers."""
    moved = {*_different(counted, frame.counted), *_different(contributed, frame.contributed)}
    for place in moved:
        if UNKNOWN in (counted[place], frame.counted[place]):
            continue
        total = frame.counted[place] - counted[place]
        taken = frame.contributed[place] - contributed[place]
        sums.header[place] += total - taken
        sums.contributed[place] += taken
        sums.used[place] += taken != 0
        sums.lost[place] += taken > 0 and total == -taken


def _add_looks(sums: Sums, frame: Frame, shared: array[int]) -> None:
    """Add a reading as a sample of each object that was there before."""
    seen = zip(sums.samples, shared, strict=True)
    sums.samples[:] = array("q", [number + (was != UNKNOWN) for number, was in seen])
    for place in _different(shared, frame.shared):
        sums.moved[place] += shared[place] != UNKNOWN


def _add_samples(sums: Sums, frame: Frame, sampled: Sampled) -> None:
    """Add what was sampled in between."""
    for here, there in enumerate(map(sampled.places.get, frame.keys)):
        if there is not None:
            sums.samples[here] += sampled.samples
            sums.moved[here] += sampled.moved[there]
