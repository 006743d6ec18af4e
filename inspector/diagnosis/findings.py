"""A first look at a process: what grows in it, and what keeps its threads apart."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.findings import find_attention, find_trends
from inspector.analysis.history import History
from inspector.analysis.leak_growth import compare_leaks
from inspector.diagnosis.why import Parallelism, watch_threads
from inspector.errors import (
    InspectorError,
    LayoutError,
    MemoryFault,
    NoSuchTarget,
    TargetChanged,
    Unsettled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.analysis.findings import Attention, TypeTrend
    from inspector.reader.target import Target
    from inspector.snapshots.leaks import Leaks
    from inspector.snapshots.snapshot import TargetInfo

__all__ = ["FIRST_LINES", "FirstLook", "look_at_process"]

FIRST_LINES: Final = 1.3
"""Seconds after which there is something to show, although not yet the last word."""

LEAST_WATCH: Final = 0.2
"""Seconds for which threads are watched at least."""

EVERY: Final = 1.0
"""Seconds between two readings of the counts and of the heap."""

PATIENCE: Final = 0.05
"""Seconds between two looks at the clock where threads cannot be watched."""

HEAP_SHARE: Final = 0.25
"""Share of one processor that is spent on readings of the heap, at most."""

LONGEST_WAIT: Final = 0.4
"""Of the time, from one reading of the heap to the next."""

FEWEST: Final = 3
"""Readings of the heap that growth is told from: one comes late rather than not at all."""


@dataclass(frozen=True)
class FirstLook:
    """What was seen so far; the last one of several is final."""

    target: TargetInfo
    seconds: float
    threads: int
    objects: int | None
    """Objects of the heap; None where it could not be read."""
    rss: int | None
    """Bytes of the process in RAM; None if unknown."""
    readings: int
    """Readings of the heap."""
    collections: int | None
    """Garbage collections meanwhile; None if unknown."""
    findings: tuple[Attention, ...]
    rising: tuple[TypeTrend, ...]
    """Types that had more instances at the last reading, where that is no finding yet."""
    parallelism: Parallelism | None
    """What threads did; None where they could not be watched."""
    unread: dict[str, str]
    """``heap`` or ``threads`` -> why that could not be read."""
    lost_searched: bool
    """References that nothing holds were looked for."""
    final: bool
    ended: bool
    """The process ended before the time was over."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document of ``inspector PID --json``."""
        threads = self.parallelism
        return {
            "schema": 1,
            "target": self.target._asdict(),
            "seconds": self.seconds,
            "readings": self.readings,
            "objects": self.objects,
            "rss": self.rss,
            "collections": self.collections,
            "threads": None if threads is None else threads.threads._asdict(),
            "processors_used": None if threads is None else threads.processors_used,
            "processors": None if threads is None else threads.processors,
            "unread": self.unread,
            "lost_searched": self.lost_searched,
            "findings": [finding.as_dict() for finding in self.findings],
            "unseen": [] if threads is None else list(threads.unseen),
            "ended": self.ended,
        }


class _Readings:
    """The readings of counts and of the heap, taken in between samples of threads."""

    def __init__(self, target: Target, duration: float, pause_limit: float | None) -> None:
        self._target = target
        self._duration = duration
        self._pause_limit = pause_limit
        self.begin = time.monotonic()
        self.leaks: Leaks | None = None
        """What was lost since the first reading; None if nobody looked twice."""
        self._first_leaks = self._read_leaks()
        begin, spent = time.monotonic(), time.thread_time()
        first = target.add_heap(target.snapshot())
        self.history = History.begin(first)
        self.heaps = [] if first.heap is None else [first.heap]
        self.ended = False
        self._plan_next(begin, spent)

    @property
    def elapsed(self) -> float:
        """Seconds since the first reading began."""
        return time.monotonic() - self.begin

    @property
    def seconds(self) -> float:
        """Seconds from the first reading of the heap to the last."""
        if len(self.heaps) < 2:  # noqa: PLR2004 - there is no time between fewer
            return 0.0
        return (self.heaps[-1].taken_ns - self.heaps[0].taken_ns) / 1e9

    def _read_leaks(self) -> Leaks | None:
        if self._pause_limit is None:
            return None
        return self._target.leaks(blocking=True, pause_limit=self._pause_limit)

    def take_last(self) -> None:
        """Read once more, lost references too if they were read at the beginning."""
        # Right after another one a reading would tell nothing new.
        late = time.monotonic() >= self._last + EVERY / 2 or len(self.heaps) <= 1
        if late and not self.ended:
            self.take()
        if 1 < len(self.heaps) < FEWEST and self._duration > FIRST_LINES and not self.ended:
            time.sleep(EVERY / 2)
            self.take()
        if self._first_leaks is not None and not self.ended:
            with suppress(InspectorError):
                now = self._read_leaks()
                self.leaks = None if now is None else compare_leaks(self._first_leaks, now)

    def take_if_due(self, *_: object) -> None:
        """Read again if the last reading is long enough ago."""
        if time.monotonic() >= self._due and not self.ended:
            self.take()

    def take(self) -> None:
        """Read counts and heap once; what moves too fast is left out."""
        begin, spent = time.monotonic(), time.thread_time()
        try:
            snapshot = self._target.add_heap(self._target.snapshot())
        except (NoSuchTarget, TargetChanged):
            self.ended = True
            return
        except InspectorError:
            pass  # the next reading may succeed
        else:
            self.history = self.history.add(snapshot)
            if snapshot.heap is not None:
                self.heaps.append(snapshot.heap)
        self._plan_next(begin, spent)

    def _plan_next(self, begin: float, spent: float) -> None:
        """Note what a reading that began then has cost, and when the next one is due.

        ``spent`` is the processor time of this thread until then.
        """
        self._last = begin
        self.cost = time.monotonic() - begin
        wait = max(EVERY, (time.thread_time() - spent) / HEAP_SHARE)
        self._due = begin + min(wait, self._duration * LONGEST_WAIT)


def look_at_process(
    target: Target, *, duration: float, pause_limit: float | None = None
) -> Iterator[FirstLook]:
    """Watch another process for ``duration`` seconds; yield what was seen so far, then all.

    Reads counts and heap every second, and samples the threads in between.  A heap that takes
    long to read is read less often.  The process is not stopped, unless there is a
    ``pause_limit``: then it is stopped twice, for at most so many seconds, to find references
    that are lost meanwhile.  Raises what attaching and reading raise.
    """
    readings = _Readings(target, duration, pause_limit)
    spare = readings.cost
    seen: Parallelism | InspectorError | None = None
    if duration > FIRST_LINES:
        before = readings.elapsed
        seen = _watch(target, max(FIRST_LINES - before, LEAST_WATCH), readings)
        yield _sum_up(target, readings, seen, final=False)
        # To begin and to sum up takes as long the next time.
        watched = seen.seconds if isinstance(seen, Parallelism) else readings.elapsed - before
        spare = max(readings.elapsed - before - watched, 0.0) + readings.cost
    rest = max(duration - readings.elapsed - spare, LEAST_WATCH)
    try:
        seen = _watch(target, rest, readings)
        readings.take_last()
    except (NoSuchTarget, TargetChanged):
        if seen is None:
            raise
        readings.ended = True
    yield _sum_up(target, readings, seen, final=True)


def _watch(target: Target, seconds: float, readings: _Readings) -> Parallelism | InspectorError:
    """Watch the threads, or return why that cannot be done, and read on until the time is over."""
    end = time.monotonic() + seconds
    try:
        seen = watch_threads(target, duration=seconds, tell=readings.take_if_due)
    except (LayoutError, MemoryFault, Unsettled) as failure:
        while time.monotonic() < end:
            readings.take_if_due()
            time.sleep(PATIENCE)
        return failure
    readings.ended |= seen.ended
    return seen


def _sum_up(
    target: Target, readings: _Readings, seen: Parallelism | InspectorError, *, final: bool
) -> FirstLook:
    """Return what readings and samples come to."""
    threads = seen if isinstance(seen, Parallelism) else None
    unread = {} if threads is not None else {"threads": str(seen)}
    if not readings.heaps:
        unread["heap"] = readings.history.latest.why_no_heap or "unknown"
    trends = find_trends(readings.heaps)
    history = readings.history if len(readings.history.readings) > 1 else None
    findings = find_attention(
        target.pid,
        readings.seconds or 1.0,
        trends=trends if readings.seconds else (),
        history=history,
        leaks=readings.leaks,
        delays=() if threads is None else threads.findings,
    )
    latest = readings.heaps[-1] if readings.heaps else None
    unsure = tuple(trend for trend in trends if trend.rising is None and trend.more > 0)
    return FirstLook(
        readings.history.latest.target,
        readings.elapsed,
        len(readings.history.latest.threads),
        None if latest is None else latest.instances,
        None if latest is None else latest.rss,
        len(readings.heaps),
        readings.history.collected,
        findings,
        unsure,
        threads,
        unread,
        readings.leaks is not None,
        final,
        readings.ended,
    )
