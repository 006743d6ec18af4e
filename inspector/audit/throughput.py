"""How often expressions run in a second, in one thread and in several; in the worker.

Knows: a machine's speed drifts, so the numbers of threads and the expressions take
turns, round after round, and only runs of one round are compared.  As in
:mod:`timeit`, no automatic collection falls into a run; each is preceded by one.
Each thread runs a loop of its own code, so that threads share what the expression
names and nothing of the measuring.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from itertools import repeat as times
from typing import TYPE_CHECKING, Any, Final

from inspector.audit.expressions import compile_factory, compile_loop
from inspector.audit.module_types import describe_error
from inspector.checks.balance import call_in_threads
from inspector.checks.evidence import add_traffic, describe_type
from inspector.checks.tracker import Tracker
from inspector.checks.watched_types import name_of, watch_types
from inspector.verdict.evidence import Evidence
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from inspector.checks.tracker import CountChange

__all__ = ["run_rounds"]

TRAFFIC_CALLS: Final = 1000
"""In each thread, to see who counts what."""

LEAST_TRAFFIC: Final = 0.05
"""References per call below which it is the threads' own: their locks, say."""

FIRST: Final = 64
"""Calls of the first try when the length of a run is looked for."""


def run_rounds(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield traffic and calls per run of each expression, then every run, then ``done``.

    ``{"traffic": [fields of a Traffic …], "expression": n, "calls": n}``,
    ``{"expression": n, "threads": n, "round": n, "calls": n, "nanoseconds": n}``;
    ``{"failed": why, "expression": n}`` ends it.
    """
    calls = []
    for number, text in enumerate(request["expressions"]):
        try:
            compile_factory(text)()
            traffic = [row for n in request["threads"] for row in _measure_traffic(text, n)]
            calls.append(_calls_for(request["seconds"], compile_loop(text)))
        except BaseException as error:
            yield {"failed": describe_error(error), "expression": number}
            return
        yield {"expression": number, "traffic": traffic, "calls": calls[-1]}
    gc.disable()
    for turn in range(request["rounds"]):
        for threads in request["threads"]:
            for number, text in enumerate(request["expressions"]):
                gc.collect()
                yield {
                    "expression": number,
                    "threads": threads,
                    "round": turn,
                    "calls": calls[number] * threads,
                    "nanoseconds": _time_run(text, calls[number], threads),
                }
    yield {"done": True, "gil": bool(getattr(sys, "_is_gil_enabled", bool)())}


def _calls_for(seconds: float, loop: Callable[[Iterable[object]], None]) -> int:
    """Return how many calls take so long in one thread."""
    calls = FIRST
    while True:
        begin = time.perf_counter()
        loop(times(None, calls))
        taken = time.perf_counter() - begin
        if taken >= seconds / 10:
            return max(1, int(calls * seconds / taken))
        calls *= 4


def _time_run(text: str, calls: int, threads: int) -> int:
    """Run an expression so often in each of so many threads; return the nanoseconds of it all."""
    barrier = threading.Barrier(threads)
    seen: list[tuple[int, int]] = []
    failures: list[BaseException] = []

    def work(loop: Callable[[Iterable[object]], None]) -> None:
        try:
            turns = times(None, calls)
            barrier.wait()
            begin = time.perf_counter_ns()
            loop(turns)
            seen.append((begin, time.perf_counter_ns()))
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=work, args=(compile_loop(text),)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return max(end for _, end in seen) - min(begin for begin, _ in seen)


def _measure_traffic(text: str, threads: int) -> list[dict[str, Any]]:
    """Return what so many threads count of each type, and the judge's verdict on that."""
    factory = compile_factory(text)
    changes: dict[int, CountChange] = {}
    refs = watch_types()
    with Tracker(refs) as tracker:
        call_in_threads(
            factory,
            TRAFFIC_CALLS,
            threads,
            tracker.restart,
            lambda: changes.update(tracker.read_changes()[1]),
        )
        window = Evidence(calls=TRAFFIC_CALLS * threads, merges=tracker.collections)
        slots = tracker.restart().slots
    rows = []
    for number, change in changes.items():
        subject = refs[number]()
        if subject is not None:
            evidence = add_traffic(describe_type(subject, slots, number, window), [change])
            rows.append(_make_row(name_of(subject), evidence, threads))
    loud = [
        row for row in rows if max(abs(row["header"]), abs(row["contributed"])) >= LEAST_TRAFFIC
    ]
    return sorted(loud, key=lambda row: -abs(row["header"]))


def _make_row(name: str, evidence: Evidence, threads: int) -> dict[str, Any]:
    """Return the fields of one :class:`~inspector.audit.scaling.Traffic`."""
    judged = judge(evidence)
    said = {"verdict": None, "evidence": evidence.as_dict(), "advice": None}
    calls = TRAFFIC_CALLS * threads
    return {
        "threads": threads,
        "type": name,
        "header": (evidence.header or 0) / calls,
        "contributed": (evidence.contributed or 0) / calls,
        **(said if judged is None else judged.as_dict()),
    }
