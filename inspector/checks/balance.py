"""Whether creating and freeing an instance both count in the thread that does it.

A type whose ``tp_dealloc`` ends in a plain ``Py_DECREF(tp)`` takes its references
in the threads' arrays and gives them back in its header, so that the header falls
by what the arrays rise.  Nothing is lost by that, but threads contend.
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
    """What making and freeing instances of one type moved, in one run."""

    subject: type
    move: CountChange
    evidence: Evidence
    contributions: Mapping[str, int]
    """``name (native id)`` -> counted by that thread."""


def check_balance_of_calls(
    factory: Callable[[], object], calls: int, threads: int
) -> list[Finding]:
    """Return what keeps the type of ``factory()`` from being balanced: one finding, or none.

    Raises :class:`NotCounted` when that type is static.
    """
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
    return [_make_finding(subject, judged, seen.move.total, "call", seen.contributions)]


def find_lost_by_calls(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> list[Finding]:
    """Return what calls of a factory do to the total of a type in every run: one, or none."""
    load = Load(lambda: call_in_threads(factory, calls, threads), 3, "call", calls * threads)
    return measure_changes(load, Rules.make(wanted=(subject,)), (subject,))


def measure_traffic(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> Traffic:
    """Call a factory and return who counted what; for builds that count per thread.

    The evidence has no total: one run does not tell a leak from a cache that it fills.
    """
    with Tracker(watch_types((subject,))) as tracker:
        move = CountChange(0, {})

        def look() -> None:
            nonlocal move
            move = tracker.moves()[1].get(0, move)
            if move.total:  # garbage, if it is no leak, that has not been given back yet
                collect_garbage()
                move = tracker.moves()[1].get(0, CountChange(0, {}))

        call_in_threads(factory, calls, threads, tracker.restart, look)
        window = Evidence(
            calls=calls * threads, merges=tracker.collections, header=0, contributed=0
        )
        named = tracker.name_threads(move)
        places = tracker.restart().places
    evidence = add_traffic(describe_type(subject, places, 0, window), [move])
    return Traffic(subject, move, evidence, named)


def _do_nothing() -> None:
    """Look at nothing."""


def call_in_threads(
    factory: Callable[[], object],
    calls: int,
    threads: int,
    before: Callable[[], object] = _do_nothing,
    after: Callable[[], object] = _do_nothing,
) -> None:
    """Call the factory in so many threads; look before and after, while all are there."""
    if threads == 1:
        before()
        for _ in times(None, calls):
            factory()
        after()
        return
    barrier = threading.Barrier(threads + 1)
    failures: list[BaseException] = []
    workers = [
        threading.Thread(
            target=_call_together, args=(factory, calls, barrier, failures), name=f"check-{n}"
        )
        for n in range(threads)
    ]
    try:
        for worker in workers:
            worker.start()
        before()
        barrier.wait()  # all begin
        barrier.wait()  # all are done
        after()
        barrier.wait()  # all may end
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
    """Call the factory when all threads are there, and stay until all were looked at."""
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
    """Return the types whose header every run moved, and those that have no unique id.

    A run's own threads may end in it.  What a collection hides while other threads
    count on is left out of the account.
    """
    if not find_support().threads:
        return []
    refs = watch_types(types)
    with Tracker(refs, threads=True) as tracker:
        before = tracker.restart()
        runs: list[dict[int, CountChange]] = []
        merges = 0
        for _ in range(load.repeat):
            tracker.restart()
            load.run()
            _, moved = tracker.moves()
            blurred = tracker.collections * max(len(tracker.labels) - 1, 0)
            runs.append({n: move for n, move in moved.items() if _count_crossed(move) > blurred})
            merges += tracker.collections + tracker.ended_threads
        window = Evidence(stated=True, steps=load.repeat, merges=merges)
        findings = []
        for number, ref in enumerate(refs):
            subject = ref()
            if subject is None:
                continue
            evidence = describe_type(subject, before.places, number, window)
            steps = [moved[number] for moved in runs if number in moved]
            if len(steps) == load.repeat:
                evidence = add_traffic(evidence, steps)
            if judged := judge_as(evidence, COSTS):
                change = sum(move.total for move in steps)
                named: Counter[str] = Counter()
                for move in steps:
                    named.update(tracker.name_threads(move))
                findings.append(_make_finding(subject, judged, change, load.unit, named))
        return findings


def _count_crossed(move: CountChange) -> int:
    """Return the references that were taken in threads and given back in the header, or so."""
    contributed = sum(move.contributions.values())
    opposite = (move.header < 0) != (contributed < 0)
    return min(abs(move.header), abs(contributed)) if opposite else 0


def _make_finding(
    subject: type, judged: Judgement, change: int, unit: str, contributions: Mapping[str, int]
) -> Finding:
    """Return the finding on a type that is not balanced."""
    now = count_references(subject).total
    return Finding(
        name_of(subject), judged, now - change, now, unit, contributions=dict(contributions)
    )
