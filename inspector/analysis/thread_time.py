"""How threads spend their time, from samples: running, stopped, waiting for locks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.snapshots.thread_sample import ATTACHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.snapshots.thread_sample import (
        CodeLocation,
        ParkedOn,
        ThreadSample,
        ThreadView,
    )

__all__ = [
    "COMMON_LINES",
    "RUNNING",
    "Finding",
    "LineShare",
    "ThreadTally",
    "ThreadTime",
    "find_delays",
    "order_findings",
]

RUNNING: Final = "running"
FUTEX: Final = "futex"

QUEUES: Final = frozenset({"_queue.SimpleQueue"})
"""Types of queues: a thread that waits for one waits for something to do."""
LOCK_TYPES: Final = frozenset({"_thread.lock", "_thread.RLock"})

WAITING_FOR_WORK: Final = (
    ("threading.py", ("Condition.wait", "Event.wait", "Barrier.wait", "Thread.join", "_shutdown")),
    ("queue.py", ("Queue.get", "Queue.put", "Queue.join")),
)
"""Files and functions of the standard library in which a thread waits for another one to do
something.  This is no contention."""

STOP_ADVICE: Final = (
    "every thread waits while one of these is done: assigning __name__, __qualname__, __doc__, "
    "__module__, __defaults__, __kwdefaults__ or __code__ of a function (as functools.wraps "
    "does), assigning __class__, changing a class's __bases__ or special methods, tracing and "
    "profiling, fork, a garbage collection; do it once, not per call"
)
"""Callers of ``_PyEval_StopTheWorld`` (Objects/funcobject.c, Objects/typeobject.c,
Python/legacy_tracing.c, Modules/posixmodule.c, Python/gc_free_threading.c; 3.14 and 3.15)."""

GIL_STAYS: Final = 0.9
"""Share of samples from which on the GIL is on for good, and not for an import."""

COMMON_LINES: Final = 5
"""Lines that a finding names, at most."""


class LineShare(NamedTuple):
    """A line of code, and the share of a finding's samples that are at it."""

    file: str
    line: int | None
    function: str
    share: float


class ThreadTime(NamedTuple):
    """Average numbers of threads by what they did."""

    number: float
    running: float
    stopped: float
    """Waiting for a stop of the world to begin or to end."""
    locked: float
    gil: float
    """Waiting for the GIL."""
    work: float
    """Waiting for something to do."""
    system: float
    """Sleeping in a system call."""

    @property
    def wanting(self) -> float:
        """Threads that ran or wanted to."""
        return self.running + self.stopped + self.locked + self.gil


class Finding(NamedTuple):
    """One reason why threads wait for each other."""

    kind: str
    """``stop-the-world``, ``gil``, ``lock``, ``object`` or ``type``."""
    share: float | None
    """Thread time lost, divided by the time of all threads that ran or wanted to run; of objects
    and types the share of processor time, None where it cannot be told."""
    name: str
    type: str
    threads: int
    """Different threads that were seen to wait, or to use the object or type."""
    waiting: float
    """Threads that waited, on average."""
    lines: tuple[LineShare, ...]
    """Lines where they waited; for stops of the world, lines that asked for a stop."""
    advice: str
    heat: float | None = None
    """Of objects and types: share of samples in which the reference count had changed."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self._asdict(),
            "lines": [line._asdict() for line in self.lines],
        }


@dataclass
class LockTally:
    """The waiters of one mutex, summed up over samples."""

    parked: ParkedOn
    waits: int = 0
    threads: set[int] = field(default_factory=set)
    lines: Counter[CodeLocation] = field(default_factory=Counter)


class ThreadTally:
    """What threads did, summed up over samples."""

    def __init__(self) -> None:
        self.samples = 0
        self.looks = 0
        """Samples in which the kernel was asked what threads do."""
        self.threads = 0
        self.stopped = 0
        self.work = 0
        self.requested = 0
        """Samples during a stop of the world, or while one was requested."""
        self.collecting = 0
        """Samples among these in which the garbage collector had asked for a stop."""
        self.stop_lines: Counter[CodeLocation] = Counter()
        self.unnamed_stops = 0
        """Stops by a thread without Python code, or one that moved on."""
        self.stopped_threads: set[int] = set()
        self.locks: dict[int, LockTally] = {}
        self.gil_samples = 0
        """Samples in which the GIL was on."""
        self._activities: Counter[str] = Counter()
        """``running``, ``stopped``, ``gil`` and ``system``, of threads that were not parked."""
        self.sleeps: Counter[str] = Counter()
        """Names of system calls that threads slept in."""
        self.attached_sleeps = 0
        """Threads that slept while attached, and so delay every stop."""

    def add(self, sample: ThreadSample) -> None:
        """Add one sample."""
        self.samples += 1
        self.threads += len(sample.threads)
        self.gil_samples += sample.gil_enabled
        looked = False
        for view in sample.threads:
            if view.parked is not None:
                self._add_parked(view, view.parked)
            elif view.activity is not None:
                looked = True
                self._add_activity(view, view.activity, sample)
        self.looks += looked
        self._add_stops(sample)

    def _add_parked(self, view: ThreadView, parked: ParkedOn) -> None:
        if parked.is_stop:
            self.stopped += 1
            self.stopped_threads.add(view.native_id)
        elif _waits_for_work(parked, view.location):
            self.work += 1
        else:
            tally = self.locks.setdefault(parked.address, LockTally(parked))
            tally.waits += 1
            tally.threads.add(view.native_id)
            if view.location is not None:
                tally.lines[view.location] += 1

    def _add_activity(self, view: ThreadView, activity: str, sample: ThreadSample) -> None:
        attached = view.state == ATTACHED
        if activity == RUNNING:
            self._activities["running"] += 1
        elif attached and activity == FUTEX and sample.stops:
            # A thread that asks for a stop while another one is on stays attached.
            self._activities["stopped"] += 1
        elif sample.gil_enabled and activity == FUTEX and not attached:
            self._activities["gil"] += 1
        else:
            self._activities["system"] += 1
            self.sleeps[activity] += 1
            self.attached_sleeps += attached

    def _add_stops(self, sample: ThreadSample) -> None:
        self.requested += bool(sample.stops)
        self.collecting += any(stop.collecting for stop in sample.stops)
        locations = {view.native_id: view.location for view in sample.threads}
        for stop in sample.stops:
            if stop.collecting:
                continue
            location = locations.get(stop.requester) if stop.requester is not None else None
            if location is None:
                self.unnamed_stops += 1
            else:
                self.stop_lines[location] += 1

    @property
    def gil_enabled(self) -> bool:
        """Whether the GIL was on at any time."""
        return self.gil_samples > 0

    def owners(self) -> list[int]:
        """Return the addresses of the objects whose locks threads waited for."""
        return [lock.parked.owner for lock in self.locks.values() if lock.parked.owner is not None]

    def average(self) -> ThreadTime:
        """Return what threads did on average.

        Only some samples ask the kernel.  Threads that were not parked are divided in the
        proportions of these samples.
        """
        samples = max(self.samples, 1)
        locked = sum(tally.waits for tally in self.locks.values())
        rest = self.threads - self.stopped - self.work - locked
        known = max(sum(self._activities.values()), 1)
        running, stopped, gil, system = (
            rest * self._activities[name] / known / samples
            for name in ("running", "stopped", "gil", "system")
        )
        return ThreadTime(
            self.threads / samples,
            running,
            self.stopped / samples + stopped,
            locked / samples,
            gil,
            self.work / samples,
            system,
        )


def _waits_for_work(parked: ParkedOn, location: CodeLocation | None) -> bool:
    """Whether a thread waits for something to do, and not for a contended lock."""
    if parked.owner_type in QUEUES:
        return True
    if location is None:
        return False
    for file, functions in WAITING_FOR_WORK:
        if location.file.rpartition("/")[2] == file and location.function in functions:
            # After its notification a condition takes its lock again, which is contention.
            return parked.owner_type != "_thread.RLock"
    return False


def find_delays(
    tally: ThreadTally, *, gil_users: Sequence[str] = (), names: Mapping[int, str] | None = None
) -> list[Finding]:
    """Return why threads wait for each other.

    ``gil_users`` are the modules that asked for the GIL, ``names`` object names by address.
    """
    average = tally.average()
    wanting = average.wanting
    samples = max(tally.samples, 1)
    found = []
    if tally.stopped or tally.requested:
        found.append(_describe_stops(tally, average, samples))
    for lock in tally.locks.values():
        name = (names or {}).get(lock.parked.owner or 0, "")
        found.append(_describe_lock(lock, name, wanting, samples))
    if tally.gil_enabled:
        found.append(_describe_gil(average, gil_users, tally.gil_samples / samples))
    return found


def order_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by what they cost; those of unknown cost by heat and threads; free last."""

    def rank(finding: Finding) -> tuple[int, float]:
        if finding.share is None:
            return 1, -(finding.heat or 0.0) * finding.threads
        return (0 if finding.share else 2), -finding.share

    return sorted(findings, key=rank)


def _describe_stops(tally: ThreadTally, average: ThreadTime, samples: int) -> Finding:
    asked = sum(tally.stop_lines.values()) + tally.unnamed_stops + tally.collecting
    lines = _share_lines(tally.stop_lines, asked)
    on = tally.requested / samples
    name = f"a stop is on {on:.0%} of the time"
    if tally.collecting:
        name += f", {tally.collecting / max(asked, 1):.0%} of it by the garbage collector"
    return Finding(
        "stop-the-world",
        average.stopped / average.wanting if average.wanting else None,
        name,
        "",
        len(tally.stopped_threads),
        average.stopped,
        lines,
        STOP_ADVICE,
    )


def _describe_lock(lock: LockTally, path: str, wanting: float, samples: int) -> Finding:
    parked = lock.parked
    if parked.owner is None:
        name = f"a mutex at {parked.address:#x}"
        advice = "a lock of CPython or of an extension that is no object's"
    else:
        name = f"{parked.owner_type} {path or format(parked.owner, '#x')}"
        advice = (
            "hold it for less, or give each thread, or each part of the data, one of its own"
            if parked.owner_type in LOCK_TYPES
            else "CPython locks the object itself for each operation: give each thread one of its "
            "own, or put more into each operation"
        )
    waiting = lock.waits / samples
    return Finding(
        "lock",
        waiting / wanting if wanting else None,
        name,
        parked.owner_type,
        len(lock.threads),
        waiting,
        _share_lines(lock.lines, lock.waits),
        advice,
    )


def _describe_gil(average: ThreadTime, users: Sequence[str], share: float) -> Finding:
    name = "the GIL is on"
    if share < GIL_STAYS:
        name = f"the GIL was on in {share:.0%} of the samples, as while extensions are imported"
    if users:
        name += f", wanted by {', '.join(users)}"
    return Finding(
        "gil",
        average.gil / average.wanting if average.wanting else None,
        name,
        "",
        0,
        average.gil,
        (),
        "one thread runs at a time: an extension module that does not declare Py_mod_gil turned "
        "it on when it was imported, or PYTHON_GIL=1 or -X gil=1; PYTHON_GIL=0 keeps it off at the "
        "extension's risk",
    )


def _share_lines(lines: Counter[CodeLocation], all_of_them: int) -> tuple[LineShare, ...]:
    return tuple(
        LineShare(place.file, place.line, place.function, number / all_of_them)
        for place, number in lines.most_common(COMMON_LINES)
    )
