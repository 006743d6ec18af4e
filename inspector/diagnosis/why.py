"""Why the threads of a process do not run side by side: watched for some seconds."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.history import History
from inspector.analysis.object_heat import HeatTally, HotObject, find_hot_objects, find_hot_types
from inspector.analysis.processor_time import COUNTING, LOCKING, ProcessorTally, ProcessorTime
from inspector.analysis.thread_time import RUNNING, ThreadTally, find_delays, order_findings
from inspector.diagnosis.processors import count_processors, read_processor_seconds
from inspector.errors import (
    InspectorError,
    LayoutError,
    MemoryFault,
    NoSuchTarget,
    TargetChanged,
    Unsettled,
)
from inspector.process.perf_events import ProcessorSampler
from inspector.process.tasks import is_stopped_by_signal
from inspector.snapshots.header_samples import HeaderSamples
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from inspector.analysis.thread_time import Finding, LineShare, ThreadTime
    from inspector.cpython.refcount import Header
    from inspector.reader.target import Target
    from inspector.snapshots.snapshot import TargetInfo
    from inspector.snapshots.thread_sample import ThreadSample

__all__ = ["RATE", "Parallelism", "find_lines", "watch_threads"]

RATE: Final = 1000.0
"""Samples per second at most."""

LOOK_EVERY: Final = 20
"""The kernel is asked what threads do in one of so many samples."""

CORE_SHARE: Final = 0.16
"""Share of one processor that samples take, at most."""

FIRST_WALKS: Final = 4
FIRST_SECONDS: Final = 0.3
"""Walks over the heap before the first sample, and after how long none of them begins."""
WALK_SHARE: Final = 0.08
WALK_TIME: Final = 0.1
"""Share of one processor, and of the time, that later walks take."""

RETRIES: Final = 1
"""Further passes over what moves when types and names are read again."""
FIRST_REFRESH: Final = 0.5
"""Seconds after which types and names are read again for the first time."""

UNSEEN: Final = (
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
    processor: ProcessorTime = ProcessorTime(0, None, None, None)  # noqa: RUF009 - it is frozen
    """What processor time went to."""

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
            "processor": self.processor.as_dict(),
            "sleeps": self.sleeps,
            "attached_sleeps": self.attached_sleeps,
            "findings": [finding.as_dict() for finding in self.findings],
            "unseen": list(self.unseen),
            "ended": self.ended,
            "stopped_by_signal": self.stopped_by_signal,
        }


class _Watch:
    """One process that is watched: what is sampled, and what was seen."""

    def __init__(self, target: Target, chosen: frozenset[int] = frozenset()) -> None:
        """``chosen`` are the native ids of the threads that are counted; all if empty."""
        self._target = target
        self._chosen = chosen
        first = target.snapshot(kinds=("dict", "type", "static"))
        self.snapshots = [first]
        types = [row for row in first if row.kind != "dict"]
        self.types = {row.address: row.name for row in types}
        self._contends = not first.target.gil_enabled
        heat = target.heat_sampler(self.types) if self._contends else None
        self._heat = heat
        self.sampler = target.thread_sampler(self.types, heat)
        self.tally = ThreadTally()
        self.hot = HeatTally()
        self.kinds: dict[int, int] = {}
        """Object that may be hot -> its type."""
        self.unseen: list[str] = []
        self.walked = 0.0
        """Processor seconds that walks over the heap took."""
        self._next_walk = 0.0
        self._next_refresh = FIRST_REFRESH
        self.names: dict[int, str] = {}
        self.headers: dict[int, Header] = {}
        self.gil_users: list[str] = []
        if heat is not None:
            heat.watch(row.address for row in types if row.state != "immortal")
        self.clock = ProcessorSampler(())
        self.spent = ProcessorTally(
            target.find_functions(COUNTING | LOCKING), target.atomic_code().is_near
        )

    def add_sample(self, *, with_activity: bool) -> None:
        """Take one sample of everything."""
        sample = self.sampler.sample(with_activity=with_activity)
        if self._chosen:
            sample = choose_threads(sample, self._chosen)
        self.tally.add(sample)
        self.hot.add(sample)
        if with_activity:
            self.clock.add_threads(
                view.native_id for view in sample.threads if view.activity == RUNNING
            )
            self.add_processor_samples()

    def add_processor_samples(self) -> None:
        """Add what the kernel sampled since the last time."""
        read = self.clock.read()
        self.spent.add((each.instruction, each.registers) for each in read)

    def walk_heap(self) -> None:
        """Look for more objects that several threads use, if it is time to.

        One walk finds those whose counts are up just then.
        """
        now = time.monotonic()
        if self._heat is None or now < self._next_walk:
            return
        used = time.thread_time()
        self._next_walk = float("inf")
        try:
            for each in self._target.shared_objects(pause_limit=0):
                self.kinds.setdefault(each.address, each.type)
        except LayoutError as failure:
            self.unseen.append(f"objects other than types ({failure})")
            return
        except MemoryFault:
            pass
        self._heat.watch(self.kinds)
        cost, took = time.thread_time() - used, time.monotonic() - now
        self.walked += cost
        self._next_walk = now + max(cost / WALK_SHARE, took / WALK_TIME)

    def refresh_if_due(self, seconds: float) -> None:
        """Read types and names again, after twice the time each time.

        A program that was just started makes its types later, and one that ends takes the
        names of its objects with it.
        """
        if seconds < self._next_refresh:
            return
        self._next_refresh = 2 * seconds
        used = time.thread_time()
        with suppress(MemoryFault, LayoutError, Unsettled):
            self.read_names()
        self.walked += time.thread_time() - used

    def read_names(self) -> None:
        """Read types, and the names and states of the objects that were seen so far."""
        snapshot = self._target.snapshot(kinds=("dict", "type", "static"), retries=RETRIES)
        self.snapshots.append(snapshot)
        types = [row for row in snapshot if row.kind != "dict"]
        self.types.update((row.address, row.name) for row in types)
        owners = self.tally.owners()
        hot: list[int] = []
        if self._heat is not None:
            self._heat.watch(row.address for row in types if row.state != "immortal")
            self.kinds.update(self._heat.used)
            hot = [address for address, (moved, _) in self._heat.shares().items() if moved]
        self.names.update(self._target.name_objects([*owners, *hot], snapshot))
        self.headers.update(self._target.read_headers(hot))
        if self.tally.gil_enabled:
            self.gil_users = self._target.gil_users()

    def name_findings(self, seconds: float, *, ended: bool) -> list[Finding]:
        """Return all findings, with the names that objects have now, or had when last read."""
        if not ended:
            with suppress(InspectorError):  # it ended, or is ending
                self.read_names()
        found = find_delays(self.tally, gil_users=self.gil_users, names=self.names)
        heat = self._heat.shares() if self._heat is not None else {}
        found += self._find_types(heat, seconds)
        found += self._find_objects(heat)
        return order_findings(found)

    def prepare(self) -> None:
        """Walk over the heap a few times, as far as that is quickly done."""
        begin = time.monotonic()
        for _ in range(FIRST_WALKS):
            self._next_walk = 0.0
            self.walk_heap()
            if time.monotonic() > begin + FIRST_SECONDS:
                break

    def _find_objects(self, heat: Mapping[int, tuple[int, int]]) -> list[Finding]:
        """Return what is to be said of objects that are no types."""
        objects = []
        for address, (moved, samples) in heat.items():
            header = self.headers.get(address)
            if address in self.types or header is None:
                continue
            if header.ob_type != self.kinds.get(address) or header.ob_type not in self.types:
                continue  # its memory is used for something else now
            kind, path = self.types[header.ob_type], self.names.get(address, "")
            objects.append(HotObject(address, kind, path, state_of(header), moved, samples))
        shares = {each.address: self.spent.share(each.address) for each in objects}
        version = self._target.layout.published.minor
        return find_hot_objects(self.hot, objects, shares, version)

    def _find_types(self, heat: Mapping[int, tuple[int, int]], seconds: float) -> list[Finding]:
        """Return what the judge says of types whose headers moved."""
        last = self.snapshots[-1]
        rows = [row for row in last if row.address in heat and row.kind != "dict"]
        if not rows or len(self.snapshots) == 1:
            return []
        places = {row.key: number for number, row in enumerate(rows)}
        moved = [heat[row.address][0] for row in rows]
        history = History.begin(self.snapshots[0])
        for snapshot in self.snapshots[1:-1]:
            history = history.add(snapshot)
        history = history.add(last, HeaderSamples(places, moved, self.hot.samples, 0, seconds))
        judged = []
        for row in rows:
            judgement = judge(history.evidence(row))
            if judgement is not None:
                judged.append((row.address, row.name, judgement))
        shares = {address: self.spent.share(address) for address, _, _ in judged}
        return find_hot_types(self.hot, judged, shares)


def choose_threads(sample: ThreadSample, chosen: Collection[int]) -> ThreadSample:
    """Return a sample of some threads alone."""
    views = tuple(view for view in sample.threads if view.native_id in chosen)
    return sample._replace(threads=views)


def state_of(header: Header) -> str:
    """Return how an object is counted: ``immortal``, ``deferred``, ``merged`` or ``mortal``."""
    if header.immortal:
        return "immortal"
    if header.deferred:
        return "deferred"
    return "mortal" if header.ob_tid else "merged"


def watch_threads(
    target: Target,
    *,
    duration: float,
    rate: float = RATE,
    threads: Collection[int] = (),
    tell: Callable[[float, int], object] = lambda *_: None,
) -> Parallelism:
    """Sample the threads of another process for ``duration`` seconds, without a pause.

    Takes at most ``rate`` samples per second.  ``threads`` are the native ids of those that
    are counted; all if there are none.  ``tell`` is called with the seconds and the samples
    so far.  Raises what attaching and reading raise, and :class:`LayoutError` if
    CPython's parking lot or the state of a thread is not found.
    """
    watch = _Watch(target, frozenset(threads))
    watch.prepare()
    begin, used = time.monotonic(), read_processor_seconds(target.pid)
    last_used, ended = used, False
    due, spent, taken = begin, time.thread_time() - watch.walked, 0
    with watch.clock:
        while (now := time.monotonic()) < begin + duration:
            try:
                watch.walk_heap()
                watch.refresh_if_due(now - begin)
                watch.add_sample(with_activity=taken % LOOK_EVERY == 0)
            except (MemoryFault, LayoutError):
                # Threads came or went meanwhile; the next sample is of those that are there.
                pass
            except (NoSuchTarget, TargetChanged):
                ended = True
                break
            taken += 1
            if taken % LOOK_EVERY == 0:
                tell(now - begin, watch.tally.samples)
                last_used = read_processor_seconds(target.pid) or last_used
            cost = (time.thread_time() - spent - watch.walked) / taken
            due = max(due + max(1 / rate, cost / CORE_SHARE), now)
            time.sleep(max(0.0, min(due, begin + duration) - time.monotonic()))
        seconds = time.monotonic() - begin
        with suppress(NoSuchTarget, TargetChanged):
            watch.add_processor_samples()
    now_used = read_processor_seconds(target.pid) or last_used
    tally = watch.tally
    looks = max(tally.looks, 1)
    return Parallelism(
        watch.snapshots[-1].target,
        seconds,
        tally.samples,
        tally.average(),
        None if used is None or now_used is None else (now_used - used) / seconds,
        count_processors(target.pid),
        {name: number / looks for name, number in tally.sleeps.most_common()},
        tally.attached_sleeps / looks,
        tuple(watch.name_findings(seconds, ended=ended)),
        (*watch.sampler.unproved, *watch.unseen, *UNSEEN),
        ended,
        is_stopped_by_signal(target.pid),
        watch.spent.summary(watch.clock.reason),
    )


def find_lines(
    target: Target, addresses: Collection[int], *, duration: float, rate: float = RATE
) -> dict[int, tuple[LineShare, ...]]:
    """Return address -> lines that were on CPU when the count of an object changed.

    Samples for ``duration`` seconds, without a pause; an object whose count did not change is
    left out.  Raises :class:`LayoutError` if the state of a thread is not found.
    """
    heat = target.heat_sampler(())
    heat.watch(addresses)
    sampler = target.thread_sampler({}, heat)
    tally = HeatTally()
    end = time.monotonic() + duration
    due, spent, taken = time.monotonic(), time.thread_time(), 0
    while (now := time.monotonic()) < end:
        try:
            tally.add(sampler.sample(with_activity=False))
        except (MemoryFault, LayoutError):
            pass  # threads came or went meanwhile
        except (NoSuchTarget, TargetChanged):
            break
        taken += 1
        cost = (time.thread_time() - spent) / taken
        due = max(due + max(1 / rate, cost / CORE_SHARE), now)
        time.sleep(max(0.0, min(due, end) - time.monotonic()))
    return {address: tally.share_lines(seen) for address, seen in tally.objects.items()}
