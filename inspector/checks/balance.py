"""Whether creating and freeing an instance both count in the thread that does it.

A type whose ``tp_dealloc`` ends in a plain ``Py_DECREF(tp)`` takes its references
in the threads' arrays and gives them back in its header, so that the header falls
by what the arrays rise.  Nothing is lost by that, but threads contend.
"""

from __future__ import annotations

import contextlib
import threading
from itertools import repeat as times
from typing import TYPE_CHECKING, NamedTuple

from inspector.checks.counts import collect, count
from inspector.checks.measuring import measure
from inspector.checks.problem import Finding, Verdict
from inspector.checks.rules import Rules
from inspector.checks.screening import Load
from inspector.checks.subjects import counted, name_of, watch
from inspector.checks.support import support
from inspector.checks.tracker import Move, Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "Traffic",
    "balance_of_calls",
    "balance_of_runs",
    "call_in_threads",
    "lost_by_calls",
    "traffic_of_calls",
]


class Traffic(NamedTuple):
    """What making and freeing instances of one type moved, in one run."""

    subject: type
    move: Move
    calls: int
    """In all threads together."""
    collections: int
    labels: dict[int, str]
    """Native thread id -> ``name (native id)``."""
    unique_id: bool
    """The type has one: threads can count it in their arrays."""

    @property
    def verdict(self) -> Verdict | None:
        """What keeps the type from being balanced, if anything does."""
        if not self.unique_id:
            return Verdict.NO_UNIQUE_ID
        back = min(-self.move.header, sum(self.move.contributions.values()))
        return Verdict.PLAIN_DECREF if back * 2 >= self.calls else None


def balance_of_calls(factory: Callable[[], object], calls: int, threads: int) -> list[Finding]:
    """Return what keeps the type of ``factory()`` from being balanced: one finding, or none.

    Raises :class:`NotCounted` when that type is static.
    """
    subject = type(factory())
    counted(subject)
    if lost := lost_by_calls(subject, factory, calls, threads):
        return lost
    if not support().threads:
        return []
    seen = traffic_of_calls(subject, factory, calls, threads)
    if seen.verdict is None:
        return []
    return [_finding(subject, seen.verdict, [seen.move], seen.labels, "call")]


def lost_by_calls(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> list[Finding]:
    """Return what calls of a factory do to the total of a type in every run: one, or none."""
    load = Load(lambda: call_in_threads(factory, calls, threads), 3, "call", calls * threads)
    return measure(load, Rules.make(wanted=(subject,)), (subject,))


def traffic_of_calls(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> Traffic:
    """Call a factory and return who counted what; for builds that count per thread."""
    with Tracker(watch((subject,))) as ledger:
        move = Move(0, {})

        def look() -> None:
            nonlocal move
            move = ledger.moves()[1].get(0, move)
            if move.total:  # garbage, if it is no leak, that has not been given back yet
                collect()
                move = ledger.moves()[1].get(0, Move(0, {}))

        call_in_threads(factory, calls, threads, ledger.restart, look)
        merges, labels = ledger.collections, dict(ledger.labels)
        unique_id = ledger.restart().places.of[0] >= 0
        return Traffic(subject, move, calls * threads, merges, labels, unique_id)


def _nothing() -> None:
    """Look at nothing."""


def call_in_threads(
    factory: Callable[[], object],
    calls: int,
    threads: int,
    before: Callable[[], object] = _nothing,
    after: Callable[[], object] = _nothing,
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
        threading.Thread(target=_work, args=(factory, calls, barrier, failures), name=f"check-{n}")
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


def _work(
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


def balance_of_runs(load: Load, types: Iterable[type]) -> list[Finding]:
    """Return the types that were given back in the header in every run.

    A run's own threads may end in it.  What a collection hides while other threads
    count on is left out of the account.
    """
    if not support().threads:
        return []
    refs = watch(types)
    with Tracker(refs, threads=True) as ledger:
        before = ledger.restart()
        seen: list[dict[int, Move]] = []
        for _ in range(load.repeat):
            ledger.restart()
            load.run()
            _, moved = ledger.moves()
            blurred = ledger.collections * max(len(ledger.labels) - 1, 0)
            seen.append(
                {
                    number: move
                    for number, move in moved.items()
                    if min(-move.header, sum(move.contributions.values())) > blurred
                }
            )
        findings = []
        for number, ref in enumerate(refs):
            subject = ref()
            if subject is None:
                continue
            if before.places.of[number] < 0:
                findings.append(
                    _finding(subject, Verdict.NO_UNIQUE_ID, [], ledger.labels, load.unit)
                )
            elif all(number in moved for moved in seen):
                steps = [moved[number] for moved in seen]
                finding = _finding(subject, Verdict.PLAIN_DECREF, steps, ledger.labels, load.unit)
                findings.append(finding)
        return findings


def _finding(
    subject: type,
    verdict: Verdict,
    moved: list[Move],
    labels: Mapping[int, str],
    unit: str,
) -> Finding:
    """Return the finding on a type that is not balanced."""
    contributions: dict[str, int] = {}
    for move in moved:
        for native, number in move.contributions.items():
            label = labels.get(native, f"thread {native}")
            contributions[label] = contributions.get(label, 0) + number
    now = count(subject).total
    return Finding(
        name_of(subject),
        verdict,
        now - sum(move.total for move in moved),
        now,
        (),
        unit,
        header=sum(move.header for move in moved),
        contributions=contributions,
    )
