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

from inspector.reader.header_sampler import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.verdict.evidence import Evidence

__all__ = ["sample_header"]

SAMPLES: Final = 25
"""That are enough to tell busy from idle."""

SECONDS: Final = 0.05
"""Of sampling at most, on a machine that is busy with other things."""

BUDGET: Final = 0.02
"""Seconds of processor time that each thread may spend: the machine is not ours alone."""

PAUSE: Final = 0.0005
"""Seconds between two samples."""


def sample_header(
    evidence: Evidence, subject: type, factory: Callable[[], object], threads: int
) -> Evidence:
    """Let so many threads call a factory, and add samples of the type's header meanwhile.

    A collection moves headers as well: a sample that one fell into counts for nothing,
    nor does one before which no thread got as far as to make an instance.
    """
    word = ctypes.c_ssize_t.from_address(id(subject) + SHARED)
    over = threading.Event()
    failures: list[BaseException] = []

    spent: list[list[int]] = []
    tallies = [[0] for _ in range(threads)]

    def work(tally: list[int]) -> None:
        try:
            end = time.thread_time() + BUDGET
            while not over.is_set() and time.thread_time() < end:
                factory()
                tally[0] += 1
        except BaseException as failure:
            failures.append(failure)
        spent.append(tally)
        over.wait()  # the end of a thread moves headers as well

    workers = [threading.Thread(target=work, args=(tally,)) for tally in tallies]
    try:
        begin = time.monotonic()
        moved, samples = _sample_word(word, workers, tallies, spent)
        seconds = time.monotonic() - begin
    finally:
        over.set()
        for worker in workers:
            if worker.ident is not None:
                worker.join()
    if failures:
        raise failures[0]
    return evidence._replace(moved=moved, samples=samples, sampled_seconds=seconds)


def _count_collections() -> int:
    """Return how many collections there were so far."""
    return sum(generation["collections"] for generation in gc.get_stats())


def _sample_word(
    word: ctypes.c_ssize_t,
    workers: Sequence[threading.Thread],
    tallies: Sequence[Sequence[int]],
    spent: Sequence[object],
) -> tuple[int, int]:
    """Start the threads; return in how many samples a word was not what it was, and of how many."""
    moved = samples = 0
    value, merges, made = word.value, _count_collections(), _sum_tallies(tallies)
    for worker in workers:
        worker.start()
    end = time.monotonic() + SECONDS
    done = False
    while not done and samples < SAMPLES and time.monotonic() < end:
        time.sleep(PAUSE)
        done = len(spent) == len(workers)
        # The word is read last, and was read first: what was made in between lies between
        # the two words, but for one that each thread had yet to tally.
        busy = _sum_tallies(tallies) - made > len(tallies)
        last, value = value, word.value
        made = _sum_tallies(tallies)
        before, merges = merges, _count_collections()
        if busy and merges == before:
            samples += 1
            moved += value != last
    return moved, samples


def _sum_tallies(tallies: Sequence[Sequence[int]]) -> int:
    return sum(tally[0] for tally in tallies)
