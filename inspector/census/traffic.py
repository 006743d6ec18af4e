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
from itertools import repeat
from operator import add, ne, sub
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
        flows = replace(
            self,
            sums=Sums._make(_placed(each, places) for each in self.sums),
            merges=self.merges + merged.collections + merged.ended,
            ended=self.ended + merged.ended,
        )
        nothing = bytes(8 * len(frame.keys))
        heat = _sampled(frame, sampled) if sampled else (array("q", nothing), array("q", nothing))
        if not merged.none:
            still = (array("q", nothing) for _ in range(4))
            return replace(flows, sums=_plus(flows.sums, (*still, *heat)))
        if sampled is None:
            heat = _differ(before.shared, frame.shared, places), _looks(frame, places)
        contributed = _change(before.contributed, frame.contributed, places)
        counted = _change(before.counted, frame.counted, places)
        pairs = zip(contributed, counted, strict=True)
        changes = (
            map(sub, counted, contributed),
            contributed,
            map(bool, contributed),
            [taken > 0 and change == -taken for taken, change in pairs],
        )
        return replace(
            flows,
            sums=_plus(flows.sums, (*changes, *heat)),
            steps=self.steps + 1,
            seconds=self.seconds + (frame.taken_ns - before.taken_ns) / 1e9,
        )


def _plus(sums: Sums, changes: Iterable[Iterable[int]]) -> Sums:
    return Sums._make(array("q", map(add, *pair)) for pair in zip(sums, changes, strict=True))


def _sampled(frame: Frame, sampled: Sampled) -> tuple[Iterable[int], Iterable[int]]:
    """Return how often each object's header had moved, and was looked at."""
    places = [sampled.places.get(key, -1) for key in frame.keys]
    moved = [0 if place < 0 else sampled.moved[place] for place in places]
    return moved, [0 if place < 0 else sampled.samples for place in places]


def _looks(frame: Frame, places: Sequence[int] | None) -> Iterable[int]:
    """Return 1 for each object that was there in the reading before."""
    return repeat(1, len(frame.keys)) if places is None else [place >= 0 for place in places]


def _placed(values: array[int], places: Sequence[int] | None) -> array[int]:
    """Return values in the places of another frame, 0 for what was not there."""
    if places is None:
        return values
    return array("q", [0 if place < 0 else values[place] for place in places])


def _differ(before: array[int], after: array[int], places: Sequence[int] | None) -> Iterable[int]:
    if places is None:
        return map(ne, before, after)
    return [place >= 0 and before[place] != now for place, now in zip(places, after, strict=True)]


def _change(before: array[int], after: array[int], places: Sequence[int] | None) -> list[int]:
    """Return by how much each value changed; 0 where it was or is unknown."""
    if places is not None:
        was = [UNKNOWN if place < 0 else before[place] for place in places]
    else:
        was = before.tolist()
    if UNKNOWN not in was and UNKNOWN not in after:
        return list(map(sub, after, was))
    return [0 if UNKNOWN in pair else pair[0] - pair[1] for pair in zip(after, was, strict=True)]
