"""Where references are counted: net references on headers and in threads' arrays; pure.

A garbage collection, and a thread that ends, move contributions into headers.  Two
readings then show traffic on the header that there was not, and the amount that was moved
cannot be told afterwards.  Steps from one reading to the next in which contributions
moved, or may have moved, are therefore left out of the sums.  Totals are not affected.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, replace
from itertools import compress
from operator import is_not, ne
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from inspector.analysis.reading_totals import UNKNOWN, list_contributions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.analysis.reading_totals import ReadingTotals
    from inspector.snapshots.header_samples import HeaderSamples
    from inspector.snapshots.interpreter import InterpreterCount
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["Merges", "Traffic", "count_merges"]

MIN_SLOTS: Final = 8
"""Contributions that a thread must have had before their loss shows that they were merged."""


class Merges(NamedTuple):
    """What moved contributions into headers between two readings."""

    collections: int
    """Garbage collections."""
    ended: int
    """Threads that ended."""
    unsure: bool
    """A merge may have been under way during a reading, or may not have been seen."""

    @property
    def none(self) -> bool:
        """Whether no contribution can have moved."""
        return not (self.collections or self.ended or self.unsure)


def count_merges(before: Snapshot, after: Snapshot) -> Merges:
    """Return what was merged between two snapshots of one process.

    The collector counts its collections.  Thread states that ended are those that started
    and are not there any more, including those that came and went between the snapshots.
    """
    earlier = {interpreter.id: interpreter for interpreter in before.interpreters}
    collections = ended = 0
    unsure = False
    for now in after.interpreters:
        then = earlier.get(now.id)
        if then is None:
            continue
        unsure |= then.merging or now.merging
        ended += _count_ended_threads(then, now)
        if then.collections is None or now.collections is None:
            collections += _has_merged_array(before, after)
        else:
            # A counter that begins anew belongs to another interpreter with the same id.
            unsure |= now.collections < then.collections
            collections += max(0, now.collections - then.collections)
    return Merges(collections, ended, unsure)


def _count_ended_threads(before: InterpreterCount, after: InterpreterCount) -> int:
    """Return how many thread states ended or were finalized, at least."""
    remaining = {thread.native_id: thread for thread in after.threads}
    gone = finalized = 0
    for thread in before.threads:
        now = remaining.get(thread.native_id)
        if now is None:
            gone += 1
        elif now.finalized and not thread.finalized:
            finalized += 1
    if before.threads_started is not None and after.threads_started is not None:
        started = after.threads_started - before.threads_started
        gone = max(gone, started + len(before.threads) - len(after.threads))
    return gone + finalized


def _has_merged_array(before: Snapshot, after: Snapshot) -> bool:
    """Whether most contributions of one thread became 0 at once, as only a merge does it."""
    now = {row.address: row.contributions for row in after}
    contributed: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    for row in before:
        if row.address in now:
            contributed.update(row.contributions.keys())
            lost.update(row.contributions.keys() - now[row.address].keys())
    for thread, number in contributed.items():
        if number >= MIN_SLOTS and 2 * lost[thread] > number:
            return True
    return False


class TrafficSums(NamedTuple):
    """Numbers per object, in the order of the latest reading, of steps without a merge."""

    header: array[int]
    """Net plain references."""
    contributed: array[int]
    """Net references that threads counted in their arrays."""
    used: array[int]
    """Steps in which a thread's contribution changed."""
    doubled: array[int]
    """Steps in which the header gave back exactly twice what threads took."""
    threads: array[int]
    """Most threads whose contributions changed within one step."""
    steps: array[int]
    step_ns: array[int]
    """Nanoseconds of these steps."""
    shifted: array[int]
    """Steps after which ``ob_ref_shared`` was another than before."""
    samples: array[int]
    """Samples that were taken between readings."""
    moved: array[int]
    """Samples in which ``ob_ref_shared`` was another than in the sample before."""
    sampled_ns: array[int]
    """Nanoseconds from sample to sample."""


@dataclass(frozen=True)
class Traffic:
    """The traffic of every object of a reading, summed up over steps without a merge."""

    sums: TrafficSums
    steps: int = 0
    """Steps that were summed up."""
    merges: int = 0
    """Collections and ended threads in all steps, including those that were left out."""
    ended: int = 0
    """Threads that ended, of these."""
    threads_alive: int = 0
    """Most threads of the process in any reading."""

    @classmethod
    def start(cls, size: int, threads_alive: int) -> Self:
        """Return the traffic of ``size`` objects after one reading: all sums are 0."""
        sums = TrafficSums._make(array("q", bytes(8 * size)) for _ in TrafficSums._fields)
        return cls(sums, threads_alive=threads_alive)

    def add_step(
        self,
        before: tuple[ReadingTotals, Snapshot],
        after: tuple[ReadingTotals, Snapshot],
        sampled: HeaderSamples | None = None,
    ) -> Traffic:
        """Return the sums with one more step, and with what was sampled during it."""
        (old, old_snapshot), (new, new_snapshot) = before, after
        merges = count_merges(old_snapshot, new_snapshot)
        places = None
        if new.places is not old.places:
            places = [old.places.get(key, -1) for key in new.keys]
        sums = TrafficSums._make(_reorder_counts(counts, places, 0) for counts in self.sums)
        traffic = replace(
            self,
            sums=sums,
            merges=self.merges + merges.collections + merges.ended,
            ended=self.ended + merges.ended,
            threads_alive=max(self.threads_alive, len(new_snapshot.threads)),
        )
        if sampled is not None:
            _add_samples(sums, new, sampled)
        if not merges.none:
            return traffic
        old = old._replace(
            counted=_reorder_counts(old.counted, places, UNKNOWN),
            contributed=_reorder_counts(old.contributed, places, UNKNOWN),
            shared=_reorder_counts(old.shared, places, UNKNOWN),
        )
        _add_time(sums, old, new)
        _add_references(sums, old, new)
        _add_threads(sums, places, old_snapshot, new_snapshot)
        return replace(traffic, steps=self.steps + 1)


def _reorder_counts(counts: array[int], places: Sequence[int] | None, missing: int) -> array[int]:
    """Return a copy with one entry per place: the count there, or ``missing`` for place -1.

    Without ``places`` the order stays.
    """
    if places is None:
        return counts[:]
    return array("q", [missing if place < 0 else counts[place] for place in places])


def _find_differences(before: array[int], after: array[int]) -> Iterable[int]:
    """Return the places at which two arrays differ: few, of thousands.

    ``map`` and ``compress`` take a quarter less time than a loop: 1.0 ms for 5,000 objects.
    """
    return compress(range(len(after)), map(ne, before, after))


def _add_time(sums: TrafficSums, before: ReadingTotals, after: ReadingTotals) -> None:
    """Add a step to every object that was counted before it; note headers that changed."""
    nanoseconds = after.taken_ns - before.taken_ns
    steps, step_ns = sums.steps, sums.step_ns
    for place, counted in enumerate(before.counted):
        if counted != UNKNOWN:
            steps[place] += 1
            step_ns[place] += nanoseconds
    for place in _find_differences(before.shared, after.shared):
        if UNKNOWN not in (before.shared[place], after.shared[place]):
            sums.shifted[place] += 1


def _add_references(sums: TrafficSums, before: ReadingTotals, after: ReadingTotals) -> None:
    """Add the net references of a step, on headers and in arrays."""
    changed = {
        *_find_differences(before.counted, after.counted),
        *_find_differences(before.contributed, after.contributed),
    }
    for place in changed:
        if UNKNOWN in (before.counted[place], after.counted[place]):
            continue
        total = after.counted[place] - before.counted[place]
        taken = after.contributed[place] - before.contributed[place]
        sums.header[place] += total - taken
        sums.contributed[place] += taken
        sums.used[place] += taken != 0
        sums.doubled[place] += taken > 0 and total == -taken


def _add_threads(
    sums: TrafficSums, places: Sequence[int] | None, before: Snapshot, after: Snapshot
) -> None:
    """Note how many threads changed their contributions to an object within one step."""
    now = list_contributions(after)
    then = list_contributions(before)
    if places is not None:
        then = [None if place < 0 else then[place] for place in places]
    # Contributions that did not change are one and the same mapping, and need no comparison.
    for place in compress(range(len(now)), map(is_not, then, now)):
        old, new = then[place], now[place]
        if old is None or new is None:
            continue
        number = 0
        for thread in old.keys() | new.keys():
            number += old.get(thread, 0) != new.get(thread, 0)
        sums.threads[place] = max(sums.threads[place], number)


def _add_samples(sums: TrafficSums, totals: ReadingTotals, sampled: HeaderSamples) -> None:
    """Add the samples that were taken between two readings."""
    nanoseconds = round(sampled.seconds * 1e9)
    for place, key in enumerate(totals.keys):
        sampled_place = sampled.places.get(key)
        if sampled_place is not None:
            sums.samples[place] += sampled.samples
            sums.moved[place] += sampled.moved[sampled_place]
            sums.sampled_ns[place] += nanoseconds
