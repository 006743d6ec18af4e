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
from operator import is_not, ne
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from inspector.analysis.frame import UNKNOWN, contributions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.analysis.frame import Frame
    from inspector.snapshots.header_samples import HeaderSamples
    from inspector.snapshots.interpreter import InterpreterCount
    from inspector.snapshots.snapshot import Snapshot

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
    """Numbers per object, in the places of the latest frame, of steps without a merge."""

    header: array[int]
    """Net: plain references."""
    contributed: array[int]
    """Net: references that threads counted in their arrays."""
    used: array[int]
    """Steps in which any thread's contribution was seen to move."""
    doubled: array[int]
    """Steps in which the header gave back exactly twice what threads took."""
    threads: array[int]
    """Most threads whose contributions moved within one step."""
    steps: array[int]
    step_ns: array[int]
    """Nanoseconds of these."""
    shifted: array[int]
    """Steps in which ``ob_ref_shared`` was not what it had been."""
    samples: array[int]
    """Taken between readings."""
    moved: array[int]
    """Samples in which ``ob_ref_shared`` was not what it had been in the one before."""
    sampled_ns: array[int]
    """Nanoseconds from sample to sample."""


@dataclass(frozen=True)
class Flows:
    """The traffic of every object of a reading, summed up over steps without a merge."""

    sums: Sums
    steps: int = 0
    """That were summed up."""
    merges: int = 0
    """Collections and ended threads in all steps, those left out included."""
    ended: int = 0
    """Threads, of these."""
    threads_alive: int = 0
    """Most threads of the process in any reading."""

    @classmethod
    def none(cls, size: int, threads_alive: int) -> Self:
        """Return those of so many objects that were read once."""
        sums = Sums._make(array("q", bytes(8 * size)) for _ in Sums._fields)
        return cls(sums, threads_alive=threads_alive)

    def step(
        self,
        before: tuple[Frame, Snapshot],
        after: tuple[Frame, Snapshot],
        sampled: HeaderSamples | None = None,
    ) -> Flows:
        """Return the sums with one more step, and with what was sampled in it."""
        (old, old_snapshot), (frame, snapshot) = before, after
        merged = merges(old_snapshot, snapshot)
        places = None
        if frame.places is not old.places:
            places = [old.places.get(key, -1) for key in frame.keys]
        sums = Sums._make(_placed(each, places, 0) for each in self.sums)
        flows = replace(
            self,
            sums=sums,
            merges=self.merges + merged.collections + merged.ended,
            ended=self.ended + merged.ended,
            threads_alive=max(self.threads_alive, len(snapshot.threads)),
        )
        if sampled is not None:
            _add_samples(sums, frame, sampled)
        if not merged.none:
            return flows
        old = old._replace(
            counted=_placed(old.counted, places, UNKNOWN),
            contributed=_placed(old.contributed, places, UNKNOWN),
            shared=_placed(old.shared, places, UNKNOWN),
        )
        _add_step(sums, old, frame)
        _add_flows(sums, old, frame)
        _add_threads(sums, places, old_snapshot, snapshot)
        return replace(flows, steps=self.steps + 1)


def _placed(values: array[int], places: Sequence[int] | None, nothing: int) -> array[int]:
    """Return a copy of values in the places of another frame; ``nothing`` for what is new."""
    if places is None:
        return values[:]
    return array("q", [nothing if place < 0 else values[place] for place in places])


def _different(before: array[int], after: array[int]) -> Iterable[int]:
    """Return the places of two arrays at which they differ: few, of thousands."""
    return compress(range(len(after)), map(ne, before, after))


def _add_step(sums: Sums, before: Frame, after: Frame) -> None:
    """Add a step to every object that was there before it, and whether its header moved."""
    seconds = after.taken_ns - before.taken_ns
    sums.steps[:] = array(
        "q",
        [steps + (was != UNKNOWN) for steps, was in zip(sums.steps, before.counted, strict=True)],
    )
    sums.step_ns[:] = array(
        "q",
        [
            passed + seconds * (was != UNKNOWN)
            for passed, was in zip(sums.step_ns, before.counted, strict=True)
        ],
    )
    for place in _different(before.shared, after.shared):
        if UNKNOWN not in (before.shared[place], after.shared[place]):
            sums.shifted[place] += 1


def _add_flows(sums: Sums, before: Frame, after: Frame) -> None:
    """Add what moved from one reading to the next."""
    moved = {
        *_different(before.counted, after.counted),
        *_different(before.contributed, after.contributed),
    }
    for place in moved:
        if UNKNOWN in (before.counted[place], after.counted[place]):
            continue
        total = after.counted[place] - before.counted[place]
        taken = after.contributed[place] - before.contributed[place]
        sums.header[place] += total - taken
        sums.contributed[place] += taken
        sums.used[place] += taken != 0
        sums.doubled[place] += taken > 0 and total == -taken


def _add_threads(
    sums: Sums, places: Sequence[int] | None, before: Snapshot, after: Snapshot
) -> None:
    """Note how many threads moved their contributions to an object within one step."""
    now = contributions_of(after)
    was = contributions_of(before)
    if places is not None:
        was = [None if place < 0 else was[place] for place in places]
    # Those that did not move are one and the same value, and need no look.
    for place in compress(range(len(now)), map(is_not, was, now)):
        old, new = was[place], now[place]
        if old is None or new is None:
            continue
        number = sum(old.get(each, 0) != new.get(each, 0) for each in old.keys() | new.keys())
        sums.threads[place] = max(sums.threads[place], number)


def _add_samples(sums: Sums, frame: Frame, sampled: HeaderSamples) -> None:
    """Add what was sampled in between."""
    nanoseconds = round(sampled.seconds * 1e9)
    for here, there in enumerate(map(sampled.places.get, frame.keys)):
        if there is not None:
            sums.samples[here] += sampled.samples
            sums.moved[here] += sampled.moved[there]
            sums.sampled_ns[here] += nanoseconds
