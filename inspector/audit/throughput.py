"""Measures how often expressions run per second, in one thread and in several; in a worker.

The speed of a machine drifts, so the numbers of threads and the expressions take turns,
round after round, and only runs of one round are compared.  As in :mod:`timeit`, the
collector is off during a run, and runs before it.  Each thread has a loop of its own code,
so that threads share what the expression names and nothing that measures.
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

__all__ = ["keep_running", "run_rounds"]

TRAFFIC_CALLS: Final = 1000
"""Calls in each thread from which traffic is measured."""

LEAST_TRAFFIC: Final = 0.05
"""References per call; less is counted by the threads themselves, by their locks for example."""

CONTROL: Final = "None"
"""Scales perfectly: an empty loop.  Where it does not, the machine is busy with something else."""

PATIENCE: Final = 4
"""A run may take so many times what it was planned to."""

PIECES: Final = 64
"""In which a run is divided, to look at the time in between."""

FIRST: Final = 64
"""Calls with which the search for the length of a run begins."""


def run_rounds(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the traffic of each expression, then every run, then that all is done.

    The last expression is the control: :data:`CONTROL`, which has no traffic.

    Yields ``{"traffic": [fields of a Traffic, …], "expression": n, "calls": n}`` per expression,
    ``{"expression": n, "threads": n, "round": n, "calls": n, "nanoseconds": n}`` per run, and
    ``{"done": True, "gil": bool}`` at the end.  Ends early with
    ``{"failed": why, "expression": n}`` when an expression raises.
    """
    calls = []
    for number, text in enumerate(request["expressions"]):
        try:
            compile_factory(text)()
            traffic = []
            for threads in request["threads"]:
                traffic += _measure_traffic(text, threads)
            calls.append(_calls_for(request["seconds"], compile_loop(text)))
        except BaseException as error:
            yield {"failed": describe_error(error), "expression": number}
            return
        yield {"expression": number, "traffic": traffic, "calls": calls[-1]}
    texts = [*request["expressions"], CONTROL]
    calls.append(_calls_for(request["seconds"], compile_loop(CONTROL)))
    gc.disable()
    for turn in range(request["rounds"]):
        for threads in request["threads"]:
            for number, text in enumerate(texts):
                gc.collect()
                done, nanoseconds = _time_run(text, calls[number], threads, request["seconds"])
                yield {
                    "expression": number,
                    "threads": threads,
                    "round": turn,
                    "calls": done,
                    "nanoseconds": nanoseconds,
                }
    yield {"done": True, "gil": bool(getattr(sys, "_is_gil_enabled", bool)())}


def _calls_for(seconds: float, loop: Callable[[Iterable[object]], None]) -> int:
    """Return how many calls take ``seconds`` in one thread."""
    calls = FIRST
    while True:
        begin = time.perf_counter()
        loop(times(None, calls))
        taken = time.perf_counter() - begin
        if taken >= seconds / 10:
            return max(1, int(calls * seconds / taken))
        calls *= 4


def _time_run(text: str, calls: int, threads: int, seconds: float) -> tuple[int, int]:
    """Run an expression in several threads; return calls, and nanoseconds from begin to end.

    Each thread makes so many ``calls``, or stops after :data:`PATIENCE` times ``seconds``: an
    expression whose threads wait for each other may be a thousand times slower in two.
    """
    limit = int(PATIENCE * seconds * 1e9)
    piece = max(1, calls // PIECES)
    made: list[int] = []
    barrier = threading.Barrier(threads)
    begins: list[int] = []
    ends: list[int] = []
    failures: list[BaseException] = []

    def work(loop: Callable[[Iterable[object]], None]) -> None:
        try:
            done = 0
            barrier.wait()
            begin = end = time.perf_counter_ns()
            while done < calls and end - begin < limit:
                turns = min(piece, calls - done)
                loop(times(None, turns))
                done += turns
                end = time.perf_counter_ns()
            ends.append(end)
            begins.append(begin)
            made.append(done)
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=work, args=(compile_loop(text),)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return sum(made), max(ends) - min(begins)


def keep_running(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run one expression in several threads for some seconds; yield that it begins and ends.

    Yields ``{"begun": True}`` and ``{"done": True}``: somebody watches the threads meanwhile.
    """
    loops = [compile_loop(request["expression"]) for _ in range(request["threads"])]
    limit = time.monotonic() + request["seconds"]

    def work(loop: Callable[[Iterable[object]], None]) -> None:
        while time.monotonic() < limit:
            loop(times(None, FIRST))

    workers = [threading.Thread(target=work, args=(loop,)) for loop in loops]
    for worker in workers:
        worker.start()
    yield {"begun": True}
    for worker in workers:
        worker.join()
    yield {"done": True}


def _measure_traffic(text: str, threads: int) -> list[dict[str, Any]]:
    """Return the fields of a ``Traffic`` for each type that the threads count, most first."""
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
    records = []
    for number, change in changes.items():
        subject = refs[number]()
        if subject is not None:
            evidence = add_traffic(describe_type(subject, slots, number, window), [change])
            record = _make_record(name_of(subject), evidence, threads)
            if max(abs(record["header"]), abs(record["contributed"])) >= LEAST_TRAFFIC:
                records.append(record)
    return sorted(records, key=lambda record: -abs(record["header"]))


def _make_record(name: str, evidence: Evidence, threads: int) -> dict[str, Any]:
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
