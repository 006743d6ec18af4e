"""Snapshots over time: how totals grow, and how often headers move; pure.

Of a reading only its totals and headers are kept, eight bytes each, and of the latest
one all of it.  A process of thousands of types can be watched for days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.frame import frame_of
from inspector.analysis.traffic import Flows
from inspector.snapshots.row_verdict import read_evidence
from inspector.verdict.cost import cost_of, rate_of
from inspector.verdict.judge import ENOUGH, judge
from inspector.verdict.share import Share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.analysis.frame import Frame
    from inspector.snapshots.header_samples import HeaderSamples
    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.evidence import Evidence
    from inspector.verdict.judge import Judgement

__all__ = ["FRAMES", "WINDOW", "History", "rises"]

FRAMES: Final = 64
"""Readings whose totals are kept."""

WINDOW: Final = 5.0
"""Seconds that a rate is taken over; one reading at least."""


CLEARLY: Final = 4
"""Times that a rise is more than the deepest fall in it before it is called growth."""


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
        flows = Flows.none(len(frame.keys), len(snapshot.threads))
        return cls(snapshot, (frame,), frame, flows)

    def add(self, snapshot: Snapshot, sampled: HeaderSamples | None = None) -> History:
        """Return the history with one more reading, and what was sampled before it."""
        before = self.frames[-1]
        frame = frame_of(snapshot, before)
        return replace(
            self,
            latest=snapshot,
            frames=(*self.frames[1 - FRAMES :], frame),
            flows=self.flows.step((before, self.latest), (frame, snapshot), sampled),
        )

    def rebased(self) -> History:
        """Return the history with its latest reading as the baseline."""
        frame = self.frames[-1]
        flows = Flows.none(len(frame.keys), len(self.latest.threads))
        return replace(self, baseline=frame, flows=flows)

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
        first = next((each for each in self.window if key in each.places), self.frames[-1])
        seconds = (self.frames[-1].taken_ns - first.taken_ns) / 1e9
        grown = self._between(first, key)
        return None if grown is None or seconds <= 0 else grown / seconds

    def share(self, row: ObjectCount) -> Share:
        """Return in how many of the samples since the baseline the header moved.

        Readings are no samples: of a recording there are none.
        """
        place = self._place(row)
        sums = self.flows.sums
        return Share(0, 0) if place is None else Share(sums.moved[place], sums.samples[place])

    def updates(self, row: ObjectCount) -> float | None:
        """Return the updates of the header per second since the baseline, at least."""
        place = self._place(row)
        if place is None:
            return None
        sums = self.flows.sums
        header = sums.header[place] if sums.steps[place] else None
        moved = sums.moved[place] if sums.samples[place] else None
        return rate_of(header, sums.step_ns[place] / 1e9, moved, sums.sampled_ns[place] / 1e9)

    def threads(self, row: ObjectCount) -> int | None:
        """Return the most threads that were seen to use an object within one step."""
        place = self._place(row)
        return None if place is None else self.flows.sums.threads[place] or None

    def cost(self, row: ObjectCount) -> tuple[bool, float] | None:
        """Return what objects are ranked by; None where nothing was seen of the header."""
        rate = self.updates(row)
        if rate is None:
            return None
        return cost_of(rate, self.threads(row), gil_enabled=self.latest.target.gil_enabled)

    def evidence(self, row: ObjectCount) -> Evidence:
        """Return all that is known of an object since the baseline.

        The total is that of the whole time, ``header`` and ``contributed`` are of the steps
        without a merge.  Who holds the references cannot be seen from readings.
        """
        flows, place = self.flows, self._place(row)
        facts: dict[str, Any] = {
            "merges": flows.merges,
            "ended": flows.ended,
            "threads_alive": flows.threads_alive,
        }
        if place is not None and len(self.frames) > 1:
            facts |= {
                "seconds": (self.frames[-1].taken_ns - self.baseline.taken_ns) / 1e9,
                "total": self.growth(row),
                "growing": self._is_growing(row),
            }
        sums = flows.sums
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
        # One copy of all its fields: thousands of rows are ranked.
        evidence = read_evidence(row, gil_enabled=self.latest.target.gil_enabled)
        return evidence._replace(**facts)

    def totals(self, row: ObjectCount) -> list[int | None]:
        """Return the totals in every reading that is kept, the oldest first."""
        key = row.key
        stacks = all(frame.deferred is not None for frame in self.frames)
        return [frame.total(key, stacks=stacks) for frame in self.frames]

    def verdict(self, row: ObjectCount) -> Judgement | None:
        """Return what the readings say of a type, with their evidence; None for nothing."""
        return judge(self.evidence(row))

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

    def _place(self, row: ObjectCount) -> int | None:
        """Return the place of an object in the sums; None for one that was not counted."""
        return None if row.counted is None else self.frames[-1].places.get(row.key)

    def _is_growing(self, row: ObjectCount) -> bool | None:
        """Whether a total rose nearly all the time, in the readings kept since the baseline."""
        since = self.baseline.taken_ns
        frames = [each for each in self.frames if each.taken_ns >= since]
        stacks = all(each.deferred is not None for each in frames)
        key = row.key
        totals = [each.total(key, stacks=stacks) for each in frames]
        return rises([total for total in totals if total is not None])

    def _between(self, first: Frame, key: ObjectKey) -> int | None:
        last = self.frames[-1]
        stacks = first.deferred is not None and last.deferred is not None
        before, after = first.total(key, stacks=stacks), last.total(key, stacks=stacks)
        return None if before is None or after is None else after - before


def rises(totals: Sequence[int]) -> bool | None:
    """Whether totals rise for long; None where that cannot be told yet.

    Totals of busy types also fall: a rise counts once it is many times the deepest fall, and
    nothing is said of one that is about as large.  What has fallen for half of the time, or has
    not risen for half of many readings, has come to rest.
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
    often = sum(step > 0 for step in steps) >= ENOUGH
    return True if often and rise >= CLEARLY * fall else None
