"""Objects ranked by how busy their headers are: sampled for some time and judged."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.history import History
from inspector.errors import InspectorError, MemoryFault, NoSuchTarget, Unsettled
from inspector.process.tasks import is_stopped_by_signal
from inspector.reader.header_sampler import RATE
from inspector.verdict.judge import judge
from inspector.verdict.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inspector.analysis.thread_time import LineShare
    from inspector.reader.target import Target
    from inspector.snapshots.interpreter import TargetInfo
    from inspector.snapshots.snapshot import ObjectCount
    from inspector.verdict.evidence import Evidence
    from inspector.verdict.judge import Judgement

__all__ = ["RankedObject", "Ranking", "rank_objects"]

SLICE: Final = 0.5
"""Seconds of sampling between two readings."""

NO_COST: Final = (False, 0.0)
"""Of an object whose header was not observed."""


@dataclass(frozen=True)
class RankedObject:
    """One object, how busy its header was, and the verdict on it.

    Evidence and verdict are made when they are asked for: few of many objects are shown.
    """

    row: ObjectCount
    find_evidence: Callable[[ObjectCount], Evidence]
    lines: tuple[LineShare, ...] | None = None
    """Lines that were on CPU when its header changed; None where nobody looked."""

    @cached_property
    def evidence(self) -> Evidence:
        """All that is known of the object."""
        return self.find_evidence(self.row)

    @cached_property
    def judged(self) -> Judgement | None:
        """The verdict; None where the evidence shows nothing."""
        return judge(self.evidence)

    @property
    def share(self) -> Share:
        """In how many of the samples the header had changed."""
        return Share(self.evidence.moved or 0, self.evidence.samples or 0)

    @property
    def header_rate(self) -> float | None:
        """Net plain references per second; None if there was a merge in every step."""
        return _divide_known(self.evidence.header, self.evidence.header_seconds)

    @property
    def contributed_rate(self) -> float | None:
        """Net references per second in threads' arrays; None as for ``header_rate``."""
        return _divide_known(self.evidence.contributed, self.evidence.header_seconds)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        row, share = self.row, self.share
        low, high = share.interval
        return {
            "name": row.name,
            "kind": row.kind,
            "address": row.address,
            "interpreter": row.interpreter,
            "unique_id": row.unique_id,
            "total": row.total,
            "updates_per_second": self.evidence.updates_per_second,
            "threads": self.evidence.threads,
            "moved": share.moved,
            "samples": share.samples,
            "heat": share.value,
            "low": low if share.samples else None,
            "high": high if share.samples else None,
            "header_per_second": self.header_rate,
            "contributed_per_second": self.contributed_rate,
            "verdict": None,
            "evidence": self.evidence.as_dict(),
            "advice": None,
            "lines": None if self.lines is None else [line._asdict() for line in self.lines],
            **(self.judged.as_dict() if self.judged else {}),
        }


def _divide_known(number: int | None, seconds: float | None) -> float | None:
    return None if number is None or not seconds else number / seconds


@dataclass(frozen=True)
class Ranking:
    """The result of :func:`rank_objects`."""

    target: TargetInfo
    threads: int
    """Threads of the target at the end."""
    seconds: float
    """Seconds of sampling and reading."""
    samples: int
    left_out: int
    """Samples that were discarded: a collection or a thread's end may have changed headers."""
    merges: int
    """Collections and ended threads meanwhile."""
    ended: bool
    """The process ended before the time was over."""
    stopped_by_signal: bool
    """It was stopped by SIGSTOP or Ctrl-Z when the time was over: none of its threads runs."""
    rows: tuple[RankedObject, ...]
    """The most expensive objects first."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document of ``inspector hot --json``."""
        return {
            "target": self.target._asdict(),
            "threads": self.threads,
            "seconds": self.seconds,
            "samples": self.samples,
            "left_out": self.left_out,
            "merges": self.merges,
            "ended": self.ended,
            "stopped_by_signal": self.stopped_by_signal,
            "objects": [row.as_dict() for row in self.rows],
        }


def rank_objects(
    target: Target,
    *,
    duration: float,
    rate: float = RATE,
    kinds: Collection[str] = ("type",),
    tell: Callable[[float, int, str], object] = lambda *_: None,
) -> Ranking:
    """Sample a target for ``duration`` seconds, at most ``rate`` times a second, without a pause.

    ``tell`` is called with the seconds and the samples so far, and with what is done next.
    If the process ends meanwhile, the ranking is of the time until then.  Raises what
    :meth:`Target.snapshot` raises, before the first sample.
    """
    seconds, samples, left_out, ended = 0.0, 0, 0, False
    tell(seconds, samples, "reading")
    # Instances tell what is kept from what only grows: at the beginning and at the end.
    first = target.add_heap(target.snapshot(kinds=kinds))
    history = History.begin(first)
    while seconds < duration and not ended:
        begin = time.monotonic()
        tell(seconds, samples, "sampling")
        sampler = target.sampler(history.latest)
        try:
            sampler.run(min(SLICE, duration - seconds), rate)
            snapshot = target.snapshot(kinds=kinds)
        except (MemoryFault, Unsettled):
            # An object or a thread went away; the next reading is without it.
            snapshot = None
        except NoSuchTarget:
            snapshot, ended = None, True
        sampled = sampler.take()
        samples += sampled.samples
        left_out += sampled.left_out
        if snapshot is not None:
            history = history.add(snapshot, sampled)
        seconds += time.monotonic() - begin
    with suppress(InspectorError):
        # A process that ended, or moves too fast, is judged without the instances at the end.
        history = history.add(target.add_heap(target.snapshot(kinds=kinds)))
    tell(seconds, samples, f"ranking {len(history.latest):,} objects,")
    rows = sorted(history.latest, key=lambda row: row.name)
    # Where no header moved, those that grow come first.
    rows.sort(key=lambda row: abs(history.growth(row) or 0), reverse=True)
    rows.sort(key=lambda row: history.cost(row) or NO_COST, reverse=True)
    return Ranking(
        history.latest.target,
        len(history.latest.threads),
        seconds,
        samples,
        left_out,
        history.traffic.merges,
        ended,
        is_stopped_by_signal(target.pid),
        tuple(RankedObject(row, history.evidence) for row in rows),
    )
