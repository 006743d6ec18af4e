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
from operator import add, ne, sub
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from inspector.census.deallocators import HEADER, PER_THREAD
from inspector.census.frame import UNKNOWN
from inspector.census.verdict import Evidence, Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.census.frame import Frame
    from inspector.census.interpreter import InterpreterCount
    from inspector.census.snapshot import ObjectCount, Snapshot

__all__ = ["ENOUGH", "HOT", "Flows", "Merges", "judge", "merges"]

ENOUGH: Final = 4
"""Readings, steps in one direction, or references, before anything is said of them."""

HOT: Final = 0.5
"""Share of samples in which a header moved."""

DENSE: Final = 100
"""Samples per second from which on that share says how busy a header is: one reference
between two readings moves it, too."""

BUSY: Final = 1000
"""Net plain references per second that make a header hot, however seldom it was read;
as many at least."""

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
    moved: array[int]
    """Steps in which ``ob_ref_shared`` was not what it had been."""
    lost: array[int]
    """Steps in which the header gave back exactly twice what threads took."""


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

    def step(self, before: Frame, frame: Frame, merged: Merges) -> Flows:
        """Return the sums with one more step."""
        places = None
        if frame.places is not before.places:
            places = [before.places.get(key, -1) for key in frame.keys]
        flows = replace(
            self,
            sums=Sums._make(_placed(each, places) for each in self.sums),
            merges=self.merges + merged.collections + merged.ended,
            ended=self.ended + merged.ended,
        )
        if not merged.none:
            return flows
        contributed = _change(before.contributed, frame.contributed, places)
        counted = _change(before.counted, frame.counted, places)
        changes = (
            map(sub, counted, contributed),
            contributed,
            map(bool, contributed),
            _differ(before.shared, frame.shared, places),
            [
                taken > 0 and all_ == -taken
                for taken, all_ in zip(contributed, counted, strict=True)
            ],
        )
        pairs = zip(flows.sums, changes, strict=True)
        return replace(
            flows,
            sums=Sums._make(array("q", map(add, *pair)) for pair in pairs),
            steps=self.steps + 1,
            seconds=self.seconds + (frame.taken_ns - before.taken_ns) / 1e9,
        )


def _placed(values: array[int], places: Sequence[int] | None) -> array[int]:
    """Return values in the places of another frame, 0 for what was not there."""
    if places is None:
        return values
    return array("q", [0 if place < 0 else values[place] for place in places])


def _differ(
    before: array[int], after: array[int], places: Sequence[int] | None
) -> Sequence[bool] | map[bool]:
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


def judge(
    row: ObjectCount,
    evidence: Evidence,
    *,
    grown: Evidence | None = None,
    used: int = 0,
    lost: int = 0,
) -> Judgement | None:
    """Return what the traffic of an object comes to; None where nothing can be said.

    ``evidence`` is of a window without merges, ``grown`` of one in which the total rose
    all the time, or None.  ``used`` says in how many steps threads were seen to count the
    object, ``lost`` in how many of these twice as much was given back.

    Only a type whose deallocator counts in the header can be balanced by it.  What looks
    the same from the numbers alone is no fault of the type: objects freed by a thread
    whose array is too short for the id, or by another one than made them after that one
    ended; and ``__class__`` assignments, which count plainly on both sides.
    """
    header, contributed = evidence.header or 0, evidence.contributed or 0
    samples, moved = evidence.samples or 0, evidence.moved or 0
    negative = row.settled and row.counted is not None and row.counted < 0
    twice = row.deallocator == HEADER and lost >= ENOUGH and lost == used
    no_id = row.kind == "type" and not row.unique_id and row.state != "?"
    plain = row.deallocator == HEADER and min(-header, contributed) >= ENOUGH
    seconds = evidence.seconds or 0.0
    often = samples >= DENSE * max(seconds, 1.0) and moved >= HOT * samples
    hot = often or abs(header) >= BUSY * max(seconds, 1.0)
    balanced = row.deallocator == PER_THREAD and used > 0 and not header and not moved
    # What weighs most comes first.
    found = (
        (row.state == "immortal", Verdict.IMMORTAL, Evidence()),
        (negative or twice, Verdict.OVER_DECREF, evidence),
        (grown is not None, Verdict.GROWING, grown or evidence),
        (no_id, Verdict.NO_UNIQUE_ID, evidence),
        (plain, Verdict.PLAIN_DECREF, evidence),
        (hot, Verdict.HOT_HEADER, evidence),
        (balanced, Verdict.BALANCED, evidence),
    )
    return next((Judgement(verdict, why) for holds, verdict, why in found if holds), None)
