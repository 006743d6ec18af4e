"""Whether a thread that makes or frees an instance counts the reference in its own array.

For a type whose ``tp_dealloc`` ends in a plain ``Py_DECREF(tp)`` the references are taken
in the threads' arrays and given back in the header: the header falls by as much as the
arrays rise.  No reference is lost, but threads contend for the header.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from itertools import repeat as times
from typing import TYPE_CHECKING, NamedTuple

from inspector.checks.counts import collect_garbage, count_references
from inspector.checks.evidence import COSTS, add_traffic, describe_type, judge_as
from inspector.checks.measuring import measure_changes
from inspector.checks.problem import Finding
from inspector.checks.rules import Rules
from inspector.checks.screening import Load
from inspector.checks.structure import is_immortal
from inspector.checks.support import find_support
from inspector.checks.tracker import CountChange, Tracker
from inspector.checks.turns import Turn
from inspector.checks.watched_types import is_heap, name_of, watch_counted_type, watch_types
from inspector.verdict.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inspector.verdict.judge import Judgement

__all__ = [
    "Traffic",
    "call_in_threads",
    "check_balance_of_calls",
    "check_balance_of_runs",
    "find_lost_by_calls",
    "measure_traffic",
]


class Traffic(NamedTuple):
    """Where one run that made and freed instances of a type counted its references."""

    subject: type
    change: CountChange
    evidence: Evidence
    contributions: Mapping[str, int]
    """``name (native id)`` -> signed references that this thread counted."""


def check_balance_of_calls(
    factory: Callable[[], object], calls: int, threads: int
) -> list[Finding]:
    """Return the finding on the type of ``factory()``, or no finding if it is balanced.

    Raises :class:`NotCounted` when that type is static.
    """
    with Turn():
        return _check_balance_alone(factory, calls, threads)


def _check_balance_alone(factory: Callable[[], object], calls: int, threads: int) -> list[Finding]:
    """Check while no other check runs its callable."""
    subject = type(factory())
    if is_heap(subject) and is_immortal(subject):
        return []
    watch_counted_type(subject)
    if lost := find_lost_by_calls(subject, factory, calls, threads):
        return lost
    if not find_support().threads:
        return []
    seen = measure_traffic(subject, factory, calls, threads)
    judged = judge_as(seen.evidence, COSTS)
    if judged is None:
        return []
    return [_make_finding(subject, judged, seen.change.total, "call", seen.contributions)]


def find_lost_by_calls(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> list[Finding]:
    """Return the finding on a type whose total changes in every run of calls, or none."""
    load = Load(lambda: call_in_threads(factory, calls, threads), 3, "call", calls * threads)
    return measure_changes(load, Rules.make(wanted=(subject,)), (subject,))


def measure_traffic(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> Traffic:
    """Call a factory and return which thread counted what; for builds that count per thread.

    The evidence has no total: one run cannot tell a leak from a cache that is filled once.
    """
    with Turn() as turn, Tracker(watch_types((subject,))) as tracker:
        change = CountChange(0, {})

        def look() -> None:
            nonlocal change
            change = tracker.read_changes()[1].get(0, change)
            if change.total:  # a leak, or garbage that has not been collected yet
                collect_garbage()
                change = tracker.read_changes()[1].get(0, CountChange(0, {}))

        call_in_threads(factory, calls, threads, tracker.restart, look)
        window = Evidence(
            calls=calls * threads,
            merges=tracker.collections,
            header=0,
            contributed=0,
            check_beside=turn.beside,
        )
        named = tracker.name_threads(change)
        slots = tracker.restart().slots
    evidence = add_traffic(describe_type(subject, slots, 0, window), [change])
    return Traffic(subject, change, evidence, named)


def _do_nothing() -> None:
    pass


def call_in_threads(
    factory: Callable[[], object],
    calls: int,
    threads: int,
    before: Callable[[], object] = _do_nothing,
    after: Callable[[], object] = _do_nothing,
) -> None:
    """Call the factory ``calls`` times in each of ``threads`` threads.

    ``before`` and ``after`` are called while all threads live; one thread is the caller's own.
    Raises what the factory raises.
    """
    if threads == 1:
        before()
        for _ in times(None, calls):
            factory()
        after()
        return
    barrier = threading.Barrier(threads + 1)
    failures: list[BaseException] = []
    workers = []
    for number in range(threads):
        worker = threading.Thread(
            target=_call_together, args=(factory, calls, barrier, failures), name=f"check-{number}"
        )
        workers.append(worker)
    try:
        for worker in workers:
            worker.start()
        before()
        barrier.wait()  # all threads begin
        barrier.wait()  # all threads are done
        after()
        barrier.wait()  # all threads may end
    finally:
        barrier.abort()  # releases those that an error here left waiting
        for worker in workers:
            if worker.ident is not None:
                worker.join()
    if failures:
        raise failures[0]


def _call_together(
    factory: Callable[[], object],
    calls: int,
    barrier: threading.Barrier,
    failures: list[BaseException],
) -> None:
    """Call the factory once all threads have started; live until ``after`` has returned."""
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait()
        try:
            for _ in times(None, calls):
                factory()
        except BaseException as failure:  # noqa: BLE001 - raised again by the caller
            failures.append(failure)
        barrier.wait()
        barrier.wait()


def check_balance_of_runs(load: Load, types: Iterable[type]) -> list[Finding]:
    """Return findings on types whose header every run changed, and on types without a unique id.

    Threads that a run starts may end in it.  One reference per collection and other thread
    may be a thread's that counted on during the collection: so small a change is ignored.
    """
    if not find_support().threads:
        return []
    refs = watch_types(types)
    with Turn() as turn, Tracker(refs, threads=True) as tracker:
        before = tracker.restart()
        runs: list[dict[int, CountChange]] = []
        merges = 0
        for _ in range(load.repeat):
            tracker.restart()
            load.run()
            turn.go_on()
            _, moved = tracker.read_changes()
            blurred = tracker.collections * max(len(tracker.labels) - 1, 0)
            runs.append(_drop_blurred(moved, blurred))
            merges += tracker.collections + tracker.ended_threads
        window = Evidence(stated=True, steps=load.repeat, merges=merges, check_beside=turn.beside)
        findings = []
        for number, ref in enumerate(refs):
            subject = ref()
            if subject is None:
                continue
            evidence = describe_type(subject, before.slots, number, window)
            steps = []
            for moved in runs:
                if number in moved:
                    steps.append(moved[number])
            if len(steps) == load.repeat:
                evidence = add_traffic(evidence, steps)
            if judged := judge_as(evidence, COSTS):
                total = 0
                named: Counter[str] = Counter()
                for step in steps:
                    total += step.total
                    named.update(tracker.name_threads(step))
                findings.append(_make_finding(subject, judged, total, load.unit, named))
        return findings


def _drop_blurred(moved: Mapping[int, CountChange], blurred: int) -> dict[int, CountChange]:
    """Return the changes of which more references crossed than collections may have blurred."""
    clear: dict[int, CountChange] = {}
    for number, change in moved.items():
        if _count_crossed(change) > blurred:
            clear[number] = change
    return clear


def _count_crossed(change: CountChange) -> int:
    """Return how many references arrays and header counted in opposite directions."""
    contributed = sum(change.contributions.values())
    opposite = (change.header < 0) != (contributed < 0)
    return min(abs(change.header), abs(contributed)) if opposite else 0


def _make_finding(
    subject: type, judged: Judgement, change: int, unit: str, contributions: Mapping[str, int]
) -> Finding:
    now = count_references(subject).total
    return Finding(
        name_of(subject), judged, now - change, now, unit, contributions=dict(contributions)
    )
