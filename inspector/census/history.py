"""Snapshots over time: how totals grow, and how often headers move; pure.

Of a reading only its totals and headers are kept, eight bytes each, and of the latest
one all of it.  A process of thousands of types can be watched for days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from inspector.census.frame import frame_of, key_of
from inspector.census.heat import Heat
from inspector.census.traffic import Flows, merges
from inspector.census.verdict import ENOUGH, Evidence, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.census.frame import Frame, Key
    from inspector.census.heat import Sampled
    from inspector.census.snapshot import ObjectCount, Snapshot
    from inspector.census.verdict import Judgement

__all__ = ["FRAMES", "WINDOW", "History"]

FRAMES: Final = 64
"""Readings whose totals are kept."""

WINDOW: Final = 5.0
"""Seconds that a rate is taken over; one reading at least."""


@dataclass(frozen=True)
class History:
    """The latest snapshot, the readings before it, and the one that growth is measured from."""

    latest: Snapshot
    frames: tuple[Frame, ...]
    """The oldest first, the latest last."""
    baseline: Frame
    flows: Flows
    """The traffic since the baseline."""

    @classmethod
    def begin(cls, snapshot: Snapshot) -> History:
        """Return the history of a first reading."""
        frame = frame_of(snapshot, None)
        return cls(snapshot, (frame,), frame, Flows.none(len(frame.keys)))

    def add(self, snapshot: Snapshot, sampled: Sampled | None = None) -> History:
        """Return the history with one more reading, and what was sampled before it."""
        before = self.frames[-1]
        frame = frame_of(snapshot, before)
        return replace(
            self,
            latest=snapshot,
            frames=(*self.frames[1 - FRAMES :], frame),
            flows=self.flows.step(before, frame, merges(self.latest, snapshot), sampled),
        )

    def rebased(self) -> History:
        """Return the history with its latest reading as the baseline."""
        frame = self.frames[-1]
        return replace(self, baseline=frame, flows=Flows.none(len(frame.keys)))

    def growth(self, row: ObjectCount) -> int | None:
        """Return the growth of a total since the baseline; that of a new object is its total."""
        key = key_of(row)
        if key not in self.baseline.places:
            return row.total
        return self._between(self.baseline, key)

    def is_new(self, row: ObjectCount) -> bool:
        """Whether an object was not there at the baseline."""
        return key_of(row) not in self.baseline.places

    def rate(self, row: ObjectCount) -> float | None:
        """Return the growth of a total per second, over the last :data:`WINDOW`."""
        key = key_of(row)
        first = next((each for each in self.window if key in each.places), self.frames[-1])
        seconds = (self.frames[-1].taken_ns - first.taken_ns) / 1e9
        grown = self._between(first, key)
        return None if grown is None or seconds <= 0 else grown / seconds

    def heat(self, row: ObjectCount) -> float | None:
        """Return the share of samples since the baseline in which the header moved."""
        place = self.frames[-1].places.get(key_of(row))
        if place is None or row.shared is None:
            return None
        sums = self.flows.sums
        return Heat(sums.moved[place], sums.samples[place]).share

    def evidence(self, row: ObjectCount) -> Evidence:
        """Return what is known of the traffic since the baseline, merges left out."""
        place, flows = self.frames[-1].places.get(key_of(row)), self.flows
        evidence = Evidence(merges=flows.merges, deallocator=row.deallocator or "")
        if place is None or row.counted is None:
            return evidence
        sums = flows.sums
        if sums.samples[place]:
            evidence = evidence._replace(samples=sums.samples[place], moved=sums.moved[place])
        if not flows.steps:
            return evidence
        return evidence._replace(
            seconds=flows.seconds,
            total=self.growth(row),
            header=sums.header[place],
            contributed=sums.contributed[place],
        )

    def totals(self, row: ObjectCount) -> list[int | None]:
        """Return the totals in every reading that is kept, the oldest first."""
        key = key_of(row)
        stacks = all(frame.deferred is not None for frame in self.frames)
        return [frame.total(key, stacks=stacks) for frame in self.frames]

    def verdict(self, row: ObjectCount) -> Judgement | None:
        """Return what the readings say of a type, with their evidence; None for nothing."""
        rise = _rise(self.totals(row))
        grown = None
        if rise:
            first, last = self.frames[0], self.frames[-1]
            seconds = (last.taken_ns - first.taken_ns) / 1e9
            merged = (last.collections or 0) - (first.collections or 0)
            grown = Evidence(seconds, rise, merges=max(0, merged))
        place = self.frames[-1].places.get(key_of(row))
        sums = self.flows.sums
        used, lost = (0, 0) if place is None else (sums.used[place], sums.lost[place])
        return judge(row, self.evidence(row), grown=grown, used=used, lost=lost)

    @property
    def window(self) -> tuple[Frame, ...]:
        """The readings of the last :data:`WINDOW` seconds and the one before those."""
        since = self.frames[-1].taken_ns - WINDOW * 1e9
        first = len(self.frames) - 1
        while first and self.frames[first].taken_ns > since:
            first -= 1
        return self.frames[first:]

    @property
    def churn(self) -> tuple[float, float] | None:
        """Objects that were born and that died, per second; None for a first reading."""
        window = self.window
        seconds = (window[-1].taken_ns - window[0].taken_ns) / 1e9
        if seconds <= 0:
            return None
        born = sum(each.born for each in window[1:])
        return born / seconds, sum(each.died for each in window[1:]) / seconds

    @property
    def collected(self) -> int | None:
        """Collections since the baseline."""
        now, then = self.frames[-1].collections, self.baseline.collections
        return None if now is None or then is None else now - then

    def _between(self, first: Frame, key: Key) -> int | None:
        last = self.frames[-1]
        stacks = first.deferred is not None and last.deferred is not None
        before, after = first.total(key, stacks=stacks), last.total(key, stacks=stacks)
        return None if before is None or after is None else after - before


def _rise(totals: Sequence[int | None]) -> int:
    """Return by how much totals rose that go nearly one way only; 0 for others."""
    known = [total for total in totals if total is not None]
    steps = [after - before for before, after in pairwise(known)]
    up = sum(step for step in steps if step > 0)
    down = up - sum(steps)
    several = sum(step > 0 for step in steps) >= ENOUGH
    return up - down if several and down <= up // 10 else 0
