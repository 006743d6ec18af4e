"""How busy a type's header is while several threads make and free instances.

Plain references that are taken and dropped in equal numbers leave nothing in the
counts before and after.  The header shows them by moving meanwhile.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from typing import TYPE_CHECKING, Final

from inspector.census.heat import SHARED, Heat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["heat_of_calls"]

SAMPLES: Final = 25
"""That are enough to tell busy from idle."""

SECONDS: Final = 0.05
"""Of sampling at most, on a machine that is busy with other things."""

BUDGET: Final = 0.02
"""Seconds of processor time that each thread may spend: the machine is not ours alone."""

PAUSE: Final = 0.0005
"""Seconds between two samples."""


def heat_of_calls(subject: type, factory: Callable[[], object], threads: int) -> Heat:
    """Let so many threads call a factory, and sample the header of a type meanwhile.

    A collection moves headers as well: a sample that one fell into counts for nothing.
    """
    word = ctypes.c_ssize_t.from_address(id(subject) + SHARED)
    over = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            end = time.thread_time() + BUDGET
            while not over.is_set() and time.thread_time() < end:
                factory()
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        found = _sampled(word, workers)
    finally:
        over.set()
        for worker in workers:
            worker.join()
    if failures:
        raise failures[0]
    return found


def _collections() -> int:
    """Return how many collections there were so far."""
    return sum(generation["collections"] for generation in gc.get_stats())


def _sampled(word: ctypes.c_ssize_t, workers: Iterable[threading.Thread]) -> Heat:
    """Return in how many samples a word was not what it had been, while any thread works."""
    moved = samples = 0
    last, merges = word.value, _collections()
    end = time.monotonic() + SECONDS
    while samples < SAMPLES and time.monotonic() < end:
        time.sleep(PAUSE)
        if not any(worker.is_alive() for worker in workers):
            break
        value, seen = word.value, _collections()
        if seen == merges:
            samples += 1
            moved += value != last
        last, merges = value, seen
    return Heat(moved, samples)
