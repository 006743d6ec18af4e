"""What it costs to watch threads, the reader and the program that is watched."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.diagnosis.why import watch_threads
from tests.benchmarks.pairs import Asked, command, note
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from tests.benchmarks.pairs import Benchmark

every_version = pytest.mark.parametrize("version", interpreters(debug=False))

WINDOW = 1.0
ROUNDS = 20
SECONDS = 3.0


@every_version
def test_operations_per_processor_second_while_watched(benchmark: Benchmark, version: str) -> None:
    with Asked(python_of(version), "side_by_side.py", 6) as target:
        attached = inspector.attach(target.pid)

        def measure() -> tuple[float, float]:
            watcher = threading.Thread(
                target=lambda: watch_threads(attached, duration=WINDOW + 0.2)
            )
            watcher.start()
            watched = target.ask("work", WINDOW)
            watcher.join()
            return watched, target.ask("work", WINDOW)

        note(benchmark, measure, ">= 0.99", ROUNDS)


@every_version
def test_processors_that_watching_takes(benchmark: Benchmark, version: str) -> None:
    with Asked(python_of(version), "side_by_side.py", 62) as target:
        attached = inspector.attach(target.pid)

        def measure() -> tuple[float, float]:
            begin, used = time.monotonic(), time.process_time()
            watch_threads(attached, duration=SECONDS)
            return time.process_time() - used, time.monotonic() - begin

        note(benchmark, measure, "<= 0.25", 3)


@every_version
def test_samples_per_second_of_64_threads(benchmark: Benchmark, version: str) -> None:
    with Asked(python_of(version), "side_by_side.py", 62) as target:
        attached = inspector.attach(target.pid)

        def measure() -> tuple[float, float]:
            found = watch_threads(attached, duration=SECONDS)
            return found.samples, found.seconds

        note(benchmark, measure, ">= 500", 3)


@every_version
def test_page_beside_its_duration_and_two_seconds(benchmark: Benchmark, version: str) -> None:
    with Asked(python_of(version), "side_by_side.py", 62) as target:
        words = [sys.executable, "-m", "inspector", "why", str(target.pid)]
        words += ["--duration", str(SECONDS)]
        note(benchmark, lambda: (command(words)[0], SECONDS + 2), "<= 1", 3)
