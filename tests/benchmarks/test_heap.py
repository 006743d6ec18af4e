"""What a histogram of the heap costs, beside the target's own count of the same heap."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.benchmarks.pairs import Asked, command, note
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.snapshots.heap import Histogram
    from tests.benchmarks.pairs import Benchmark

every_version = pytest.mark.parametrize("version", interpreters(debug=False))

ROUNDS = 10

OBJECTS = 1_000_000

MEGABYTE = 1 << 20

READER = 45 * MEGABYTE
"""What a reader takes besides the copy of a heap."""

WINDOW = 3.0
"""Seconds of each half of a pair, with a reading in each second."""


def heap_of(version: str, objects: int, threads: int = 0) -> Asked:
    """Start a target with so many objects."""
    return Asked(python_of(version), "heap.py", objects, threads)


def processor_time(read: Callable[[], object]) -> float:
    """Return the seconds of the processor that a call takes."""
    begin = time.thread_time()
    read()
    return time.thread_time() - begin


@every_version
@pytest.mark.parametrize(
    ("objects", "promise"), [(OBJECTS // 10, "<= 6"), (OBJECTS, "<= 2"), (5 * OBJECTS, "<= 2")]
)
def test_the_processor_time_of_a_histogram(
    benchmark: Benchmark, version: str, objects: int, promise: str
) -> None:
    """Beside ``Counter(map(type, gc.get_objects()))`` in the target."""
    with heap_of(version, objects) as heap:
        target = inspector.attach(heap.pid)
        target.histogram()
        note(
            benchmark,
            lambda: (processor_time(target.histogram), heap.ask("tally")),
            promise,
            ROUNDS,
        )


@pytest.mark.parametrize("objects", [OBJECTS, 5 * OBJECTS])
def test_growth_of_a_histogram(benchmark: Benchmark, objects: int) -> None:
    """Beside a fifth of the objects: no worse than linear."""
    with heap_of("3.14t", objects) as large, heap_of("3.14t", objects // 5) as small:
        targets = [inspector.attach(each.pid) for each in (large, small)]
        for each in targets:
            each.histogram()
        note(
            benchmark,
            lambda: (
                processor_time(targets[0].histogram),
                processor_time(targets[1].histogram),
            ),
            "<= 5",
            ROUNDS,
        )


@every_version
def test_the_pause_of_an_exact_histogram(benchmark: Benchmark, version: str) -> None:
    """Beside a collection in the target."""
    with heap_of(version, OBJECTS) as heap:
        target = inspector.attach(heap.pid)

        def read() -> Histogram:
            return target.histogram(blocking=True)

        read()
        note(
            benchmark,
            lambda: ((read().pause_ns or 0) / 1e9, heap.ask("collect")),
            "<= 0.5",
            ROUNDS,
        )


@pytest.mark.parametrize("how", ["running", "blocking"])
def test_the_memory_of_a_histogram(benchmark: Benchmark, how: str) -> None:
    """Beside what is copied at once, and 45 MB."""
    with heap_of("3.14t", OBJECTS) as heap:
        heaps = inspector.attach(heap.pid).allocator().heaps
        pages = sum(row.committed for row in heaps if row.heap not in {"mem", "raw"})
        copied = pages if how == "blocking" else 0
        words = [sys.executable, "-m", "inspector", "histo", str(heap.pid), "--json"]
        words += ["--blocking"] if how == "blocking" else []
        note(benchmark, lambda: (command(words)[1], copied + READER), "<= 1", ROUNDS // 3)


def busy_heap(version: str) -> Asked:
    """Start a target of which two threads never rest."""
    return heap_of(version, OBJECTS // 5, 2)


@every_version
def test_throughput_while_the_heap_is_read_once_a_second(
    benchmark: Benchmark, version: str
) -> None:
    """Operations for each second of the target's processor time, beside themselves unread."""
    with busy_heap(version) as heap:
        target = inspector.attach(heap.pid)
        target.histogram()

        def watched() -> float:
            end = threading.Event()

            def look() -> None:
                while not end.wait(1):
                    target.histogram()

            thread = threading.Thread(target=look)
            thread.start()
            speed = heap.ask("work", WINDOW)
            end.set()
            thread.join()
            return speed

        note(benchmark, lambda: (watched(), heap.ask("work", WINDOW)), ">= 0.99", ROUNDS)


@every_version
def test_a_reader_that_reads_a_busy_heap_once_a_second(benchmark: Benchmark, version: str) -> None:
    """Its processor time, beside a second."""
    with busy_heap(version) as heap:
        target = inspector.attach(heap.pid)
        target.histogram()
        note(benchmark, lambda: (processor_time(target.histogram), 1), "<= 0.25", ROUNDS)
