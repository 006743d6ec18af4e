"""How fast a busy program goes on while it is observed, beside itself unobserved."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.benchmarks.pairs import Crowd, note
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.pairs import Benchmark

every_version = pytest.mark.parametrize("version", interpreters(debug=False))

WINDOW = 0.5
"""Seconds of each half of a pair."""

ROUNDS = 40


def watched(crowd: Crowd, look: Callable[[threading.Event], None]) -> float:
    """Return how fast the target works while another thread looks at it."""
    end = threading.Event()
    thread = threading.Thread(target=look, args=(end,))
    thread.start()
    speed = crowd.ask("work", WINDOW)
    end.set()
    thread.join()
    return speed


@every_version
def test_read_from_outside_ten_times_a_second(benchmark: Benchmark, version: str) -> None:
    with Crowd(python_of(version), 1000, 8) as crowd:
        crowd.ask("begin")
        target = inspector.attach(crowd.pid)

        def look(end: threading.Event) -> None:
            while not end.wait(0.1):
                target.snapshot()

        note(
            benchmark,
            lambda: (watched(crowd, look), crowd.ask("work", WINDOW)),
            ">= 0.99",
            ROUNDS,
        )


@every_version
def test_headers_sampled_a_thousand_times_a_second(benchmark: Benchmark, version: str) -> None:
    with Crowd(python_of(version), 1000, 8) as crowd:
        crowd.ask("begin")
        target = inspector.attach(crowd.pid)
        sampler = target.sampler(target.snapshot())

        def look(end: threading.Event) -> None:
            while not end.is_set():
                sampler.run(WINDOW / 10, 1000.0)

        note(
            benchmark,
            lambda: (watched(crowd, look), crowd.ask("work", WINDOW)),
            ">= 0.98",
            ROUNDS,
        )
