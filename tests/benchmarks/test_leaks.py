"""What it costs to prove that nothing of a large heap is lost, and to say who holds it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.diagnosis.holders import find_holders
from tests.benchmarks.pairs import Asked, note
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.pairs import Benchmark

every_version = pytest.mark.parametrize("version", interpreters(debug=False))

OBJECTS, ROUNDS = 1_000_000, 5

KIND = "__main__.Order"


def processor_time(work: Callable[[], object]) -> float:
    """Return the seconds of the processor that a call takes."""
    begin = time.thread_time()
    work()
    return time.thread_time() - begin


@every_version
def test_lost_references_of_all_objects(benchmark: Benchmark, version: str) -> None:
    """Beside the second and a half of the processor that it may take."""
    with Asked(python_of(version), "heap.py", OBJECTS, 0) as heap:
        target = inspector.attach(heap.pid)
        target.leaks(blocking=True)
        note(
            benchmark,
            lambda: (processor_time(lambda: target.leaks(blocking=True)), 1.5),
            "<= 1",
            ROUNDS,
        )


@every_version
@pytest.mark.parametrize(("what", "seconds"), [("holders", 0.2), ("path", 1.0)])
def test_who_holds_one_object(
    benchmark: Benchmark, version: str, what: str, seconds: float
) -> None:
    """Beside the processor time that it may take once memory is copied."""
    with Asked(python_of(version), "heap.py", OBJECTS, 0) as heap:
        target = inspector.attach(heap.pid)
        instances = target.referrers(KIND, blocking=True).addresses
        address = instances[len(instances) // 2]

        def measure() -> tuple[float, float]:
            held = target.referrers(address, blocking=True)
            if what == "holders":
                return processor_time(lambda: held.find_referrers([address])), seconds
            return processor_time(lambda: find_holders(held)), seconds

        note(benchmark, measure, "<= 1", ROUNDS)
