"""Snapshots over time: how totals grow, and how often headers change; pure.

Only the latest reading is kept whole.  Earlier ones keep their totals and headers, eight
bytes each, so a process with thousands of types can be watched for days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.heap_history import HeapHistory
from inspector.analysis.reading_totals import summarize_reading
from inspector.analysis.traffic import Traffic
from inspector.snapshots.row_verdict import read_evidence
from inspector.verdict.cost import cost_of, rate_of
from inspector.verdict.judge import ENOUGH, judge
from inspector.verdict.share import Share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.analysis.reading_totals import ReadingTotals
    from inspector.snapshots.header_samples import HeaderSamples
    from inspector.snapshots.heap import TypeUse
    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.evidence import Evidence
    from inspector.verdict.judge import Judgement

__all__ = ["MAX_READINGS", "WINDOW", "History", "is_rising"]

MAX_READINGS: Final = 64
"""Readings whose totals are kept, at most."""

WINDOW: Final = 5.0
"""Seconds over which a rate is measured; at least one reading."""

CLEAR_RISE: Final = 4
"""A rise must be this many times the deepest fall within it before it is called growth."""


@dataclass(frozen=True)
class History:
    """The latest snapshot, the readings before it, and the one that growth is measured from."""

    latest: Snapshot
    readings: tuple[ReadingTotals, ...]
    """The oldest first, the latest last."""
    baseline: ReadingTotals
    traffic: Traffic
    """The traffic since the baseline."""
    heap: HeapHistory | None = None
    """Instances over time; None while the heap was not read."""

    @classmethod
    def begin(cls, snapshot: Snapshot) -> History:
        """Return the history of a first reading."""
        totals = summarize_reading(snapshot, None)
        traffic = Traffic.start(len(totals.keys), len(snapshot.threads))
        heap = None if snapshot.heap is None else HeapHistory.begin(snapshot.heap, totals)
        return cls(snapshot, (totals,), totals, traffic, heap)

    def add(self, snapshot: Snapshot, sampled: HeaderSamples | None = None) -> History:
        """Return the history with one more reading, and with what was sampled before it."""
        before = self.readings[-1]
        totals = summarize_reading(snapshot, before)
        return replace(
            self,
            latest=snapshot,
            readings=(*self.readings[1 - MAX_READINGS :], totals),
            traffic=self.traffic.add_step((before, self.latest), (totals, snapshot), sampled),
            heap=self._add_heap(snapshot, totals),
        )

    def _add_heap(self, snapshot: Snapshot, totals: ReadingTotals) -> HeapHistory | None:
        """Return the history of the heap, with that of a snapshot if it was read since."""
        if snapshot.heap is None:
            return self.heap
        if self.heap is None:
            return HeapHistory.begin(snapshot.heap, totals)
        if snapshot.heap.taken_ns == self.heap.latest.taken_ns:
            return self.heap
        return self.heap.add(snapshot.heap, totals)

    def rebase(self) -> History:
        """Return the history with its latest reading as the baseline."""
        totals = self.readings[-1]
        traffic = Traffic.start(len(totals.keys), len(self.latest.threads))
        heap = None if self.heap is None else self.heap.rebase()
        return replace(self, baseline=totals, traffic=traffic, heap=heap)

    def since(self, earlier: History) -> History:
        """Return the history with the baseline of another one of the same process."""
        heap = self.heap
        if heap is not None and earlier.heap is not None:
            heap = replace(heap, baseline=earlier.heap.baseline)
        return replace(self, baseline=earlier.baseline, heap=heap)

    def growth(self, row: ObjectCount) -> int | None:
        """Return the growth of a total since the baseline; that of a new object is its total."""
        key = row.key
        if key not in self.baseline.places:
            return row.total
        return self._between(self.baseline, key)

    def is_new(self, row: ObjectCount) -> bool:
        """Whether an object was not there at the baseline."""
        return row.key not in self.baseline.places

    def rate(self, row: ObjectCount) -> float | None:
        """Return the growth of a total per second, over the last :data:`WINDOW`."""
        key = row.key
        first = self.readings[-1]
        for reading in self.window:
            if key in reading.places:
                first = reading
                break
        seconds = (self.readings[-1].taken_ns - first.taken_ns) / 1e9
        grown = self._between(first, key)
        return None if grown is None or seconds <= 0 else grown / seconds

    def share(self, row: ObjectCount) -> Share:
        """Return in how many of the samples since the baseline the header had changed.

        A recording has readings and no samples.
        """
        place = self._place(row)
        sums = self.traffic.sums
        return Share(0, 0) if place is None else Share(sums.moved[place], sums.samples[place])

    def updates(self, row: ObjectCount) -> float | None:
        """Return the updates of the header per second since the baseline, at least."""
        place = self._place(row)
        if place is None:
            return None
        sums = self.traffic.sums
        header = sums.header[place] if sums.steps[place] else None
        moved = sums.moved[place] if sums.samples[place] else None
        return rate_of(header, sums.step_ns[place] / 1e9, moved, sums.sampled_ns[place] / 1e9)

    def threads(self, row: ObjectCount) -> int | None:
        """Return the most threads that used an object within one step; None if none was seen."""
        place = self._place(row)
        return None if place is None else self.traffic.sums.threads[place] or None

    def cost(self, row: ObjectCount) -> tuple[bool, float] | None:
        """Return the sort key of :func:`~inspector.verdict.cost.cost_of` for an object.

        None if its header was not observed.
        """
        rate = self.updates(row)
        if rate is None:
            return None
        return cost_of(rate, self.threads(row), gil_enabled=self.latest.target.gil_enabled)

    def evidence(self, row: ObjectCount) -> Evidence:
        """Return all that is known of an object since the baseline.

        ``total`` covers the whole time, ``header`` and ``contributed`` only the steps without
        a merge.  Where the heap was read, instances are those of its readings, and
        ``referenced`` is of the same time.
        """
        traffic, place = self.traffic, self._place(row)
        facts: dict[str, Any] = {
            "merges": traffic.merges,
            "ended": traffic.ended,
            "threads_alive": traffic.threads_alive,
        }
        if place is not None and len(self.readings) > 1:
            facts |= {
                "seconds": (self.readings[-1].taken_ns - self.baseline.taken_ns) / 1e9,
                "total": self.growth(row),
                "growing": self._is_growing(row),
            }
        sums = traffic.sums
        if place is not None and sums.steps[place]:
            facts |= {
                "steps": sums.steps[place],
                "step_seconds": sums.step_ns[place] / 1e9,
                "header": sums.header[place],
                "contributed": sums.contributed[place],
                "used": sums.used[place],
                "doubled": sums.doubled[place],
                "threads": sums.threads[place] or None,
                "shifted": sums.shifted[place],
            }
        if place is not None and sums.samples[place]:
            facts |= {
                "samples": sums.samples[place],
                "moved": sums.moved[place],
                "sampled_seconds": sums.sampled_ns[place] / 1e9,
            }
        if self.heap is not None and row.kind == "type":
            facts |= _describe_instances(self.heap, row.key)
        # Copied once, with all fields: thousands of rows are ranked.
        evidence = read_evidence(row, gil_enabled=self.latest.target.gil_enabled)
        return evidence._replace(**facts)

    def find_use(self, row: ObjectCount) -> TypeUse | None:
        """Return the instances of a type when the heap was last read; None if it never was."""
        if self.heap is None or row.kind not in {"type", "static"}:
            return None
        return self.heap.find_use(row.key)

    def totals(self, row: ObjectCount) -> list[int | None]:
        """Return the totals in every reading that is kept, the oldest first."""
        return _list_totals(self.readings, row.key)

    def verdict(self, row: ObjectCount) -> Judgement | None:
        """Return the verdict on a type, with its evidence; None where the readings show nothing."""
        return judge(self.evidence(row))

    @property
    def window(self) -> tuple[ReadingTotals, ...]:
        """The readings of the last :data:`WINDOW` seconds, and the one before them."""
        since = self.readings[-1].taken_ns - WINDOW * 1e9
        first = len(self.readings) - 1
        while first and self.readings[first].taken_ns > since:
            first -= 1
        return self.readings[first:]

    @property
    def churn(self) -> tuple[float, float] | None:
        """Objects born and objects that died, per second; None after the first reading."""
        window = self.window
        seconds = (window[-1].taken_ns - window[0].taken_ns) / 1e9
        if seconds <= 0:
            return None
        born = died = 0
        for reading in window[1:]:
            born += reading.born
            died += reading.died
        return born / seconds, died / seconds

    @property
    def collected(self) -> int | None:
        """Garbage collections since the baseline; None where they were not counted."""
        now, then = self.readings[-1].collections, self.baseline.collections
        return None if now is None or then is None else now - then

    def _place(self, row: ObjectCount) -> int | None:
        """Return the place of an object in the sums; None for one that was not counted."""
        return None if row.counted is None else self.readings[-1].places.get(row.key)

    def _is_growing(self, row: ObjectCount) -> bool | None:
        """Whether a total rose nearly all the time, in the readings kept since the baseline."""
        since = self.baseline.taken_ns
        readings = [reading for reading in self.readings if reading.taken_ns >= since]
        return is_rising([n for n in _list_totals(readings, row.key) if n is not None])

    def _between(self, first: ReadingTotals, key: ObjectKey) -> int | None:
        last = self.readings[-1]
        stacks = first.deferred is not None and last.deferred is not None
        before, after = first.total(key, stacks=stacks), last.total(key, stacks=stacks)
        return None if before is None or after is None else after - before


def _describe_instances(heap: HeapHistory, key: ObjectKey) -> dict[str, Any]:
    """Return what readings of the heap say of a type, as fields of evidence."""
    before, after = heap.baseline.count_instances(key), heap.count_instances(key)
    facts: dict[str, Any] = {"instances_after": after}
    if heap.states[-1].taken_ns != heap.baseline.taken_ns:
        facts |= {
            "instances": after - before,
            "instances_before": before,
            "referenced": heap.measure_references(key),
            "uncollected": heap.measure_uncollected_growth(key),
        }
    return facts


def _list_totals(readings: Sequence[ReadingTotals], key: ObjectKey) -> list[int | None]:
    """Return the totals of an object, with stacks only if every reading has read them."""
    stacks = True
    for reading in readings:
        stacks = stacks and reading.deferred is not None
    return [reading.total(key, stacks=stacks) for reading in readings]


def is_rising(totals: Sequence[int]) -> bool | None:
    """Whether totals rise lastingly; None where that cannot be told yet.

    Totals of busy types also fall.  A rise counts once it is :data:`CLEAR_RISE` times the
    deepest fall; about a smaller one nothing is said.  Totals have come to rest when they fell
    throughout the second half, or, after many readings, did not rise in it.
    """
    steps = [after - before for before, after in pairwise(totals)]
    if len(steps) < ENOUGH:
        return None
    peak, fall = totals[0], 0
    for total in totals:
        peak = max(peak, total)
        fall = max(fall, peak - total)
    latest = max(steps[len(steps) // 2 :])
    rests = latest < 0 or (latest == 0 and (len(steps) >= 2 * ENOUGH or not any(steps)))
    rise = totals[-1] - totals[0]
    if rise <= fall or rests:
        return False
    rises = 0
    for step in steps:
        rises += step > 0
    return True if rises >= ENOUGH and rise >= CLEAR_RISE * fall else None
