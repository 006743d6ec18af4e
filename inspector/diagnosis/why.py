"""Why the threads of a process do not run side by side: watched for some seconds."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.thread_time import ThreadTally, find_delays
from inspector.diagnosis.processors import count_processors, read_processor_seconds
from inspector.errors import InspectorError, LayoutError, MemoryFault, NoSuchTarget
from inspector.process.tasks import is_stopped_by_signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.analysis.thread_time import Finding, ThreadTime
    from inspector.reader.target import Target
    from inspector.snapshots.snapshot import TargetInfo

__all__ = ["RATE", "Parallelism", "watch_threads"]

RATE: Final = 1000.0
"""Samples per second at most."""

LOOK_EVERY: Final = 20
"""The kernel is asked what threads do in one of so many samples."""

CORE_SHARE: Final = 0.22
"""Share of one processor that sampling takes, at most."""

UNSEEN: Final = (
    "objects and types whose counts threads fight for (inspector hot tells of types)",
    "spinning, before a thread waits",
    "locks of C and C++ libraries",
    "memory bandwidth",
)
"""What no sample of threads can show."""


@dataclass(frozen=True)
class Parallelism:
    """The result of :func:`watch_threads`."""

    target: TargetInfo
    seconds: float
    samples: int
    threads: ThreadTime
    processors_used: float | None
    """Processor time per second; None if unknown."""
    processors: float | None
    """Processors that the process may use; None if unknown."""
    sleeps: dict[str, float]
    """Name of a system call -> threads that slept in it, on average."""
    attached_sleeps: float
    """Threads that slept while attached, and so delay every stop of the world, on average."""
    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]
    ended: bool
    """The process ended before the time was over."""
    stopped_by_signal: bool
    """When the time was over, by SIGSTOP or Ctrl-Z: none of its threads runs."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document of ``inspector why --json``."""
        return {
            "schema": 1,
            "target": self.target._asdict(),
            "seconds": self.seconds,
            "samples": self.samples,
            "threads": self.threads._asdict(),
            "processors_used": self.processors_used,
            "processors": self.processors,
            "sleeps": self.sleeps,
            "attached_sleeps": self.attached_sleeps,
            "findings": [finding.as_dict() for finding in self.findings],
            "unseen": list(self.unseen),
            "ended": self.ended,
            "stopped_by_signal": self.stopped_by_signal,
        }


def watch_threads(
    target: Target,
    *,
    duration: float,
    rate: float = RATE,
    tell: Callable[[float, int], object] = lambda *_: None,
) -> Parallelism:
    """Sample the threads of another process for ``duration`` seconds, without a pause.

    Takes at most ``rate`` samples per second.  ``tell`` is called with the seconds and the
    samples so far.  Raises what attaching and reading raise, and :class:`LayoutError` if
    CPython's parking lot or the state of a thread is not found.
    """
    types = target.snapshot(kinds=("type", "static"))
    sampler = target.thread_sampler({row.address: row.name for row in types})
    tally = ThreadTally()
    begin, used = time.monotonic(), read_processor_seconds(target.pid)
    last_used, ended = used, False
    due, spent, taken = begin, time.thread_time(), 0
    while (now := time.monotonic()) < begin + duration:
        try:
            tally.add(sampler.sample(with_activity=taken % LOOK_EVERY == 0))
        except (MemoryFault, LayoutError):
            # Threads came or went meanwhile; the next sample is of those that are there then.
            pass
        except NoSuchTarget:
            ended = True
            break
        taken += 1
        if taken % LOOK_EVERY == 0:
            tell(now - begin, tally.samples)
            last_used = read_processor_seconds(target.pid) or last_used
        cost = (time.thread_time() - spent) / taken
        due = max(due + max(1 / rate, cost / CORE_SHARE), now)
        time.sleep(max(0.0, min(due, begin + duration) - time.monotonic()))
    seconds = time.monotonic() - begin
    names: dict[int, str] = {}
    users: list[str] = []
    if not ended:
        with suppress(InspectorError):  # it ended, or is ending
            names = target.name_objects(tally.owners())
            users = target.gil_users() if tally.gil_enabled else []
    now_used = read_processor_seconds(target.pid) or last_used
    looks = max(tally.looks, 1)
    return Parallelism(
        types.target,
        seconds,
        tally.samples,
        tally.average(),
        None if used is None or now_used is None else (now_used - used) / seconds,
        count_processors(target.pid),
        {name: number / looks for name, number in tally.sleeps.most_common()},
        tally.attached_sleeps / looks,
        tuple(find_delays(tally, gil_users=users, names=names)),
        (*sampler.unproved, *UNSEEN),
        ended,
        is_stopped_by_signal(target.pid),
    )
