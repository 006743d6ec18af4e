"""Samples of a type's header while several threads make and free instances.

References that are taken and dropped in the header in equal numbers leave its count as it
was.  Samples show them: the count changes meanwhile.
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
"""Samples that are enough to tell a busy header from an idle one."""

SECONDS: Final = 0.05
"""Most seconds of sampling, on a machine that is busy with other things."""

BUDGET: Final = 0.02
"""Seconds of processor time that each thread may take: others use the machine, too."""

PAUSE: Final = 0.0005
"""Seconds between two samples."""


def sample_header(
    evidence: Evidence, subject: type, factory: Callable[[], object], threads: int
) -> Evidence:
    """Call a factory in ``threads`` threads, and add samples of the type's header to the evidence.

    Discards samples taken during a collection, which changes headers as well, and samples
    before which no thread has made an instance.  Raises what the factory raises.
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
        over.wait()  # the end of a thread changes headers as well

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
    collections = 0
    for generation in gc.get_stats():
        collections += generation["collections"]
    return collections


def _sample_word(
    word: ctypes.c_ssize_t,
    workers: Sequence[threading.Thread],
    tallies: Sequence[Sequence[int]],
    spent: Sequence[object],
) -> tuple[int, int]:
    """Start the threads; return how many samples changed, and how many there are."""
    moved = samples = 0
    value, merges, made = word.value, _count_collections(), _sum_tallies(tallies)
    for worker in workers:
        worker.start()
    end = time.monotonic() + SECONDS
    done = False
    while not done and samples < SAMPLES and time.monotonic() < end:
        time.sleep(PAUSE)
        done = len(spent) == len(workers)
        # The word is read before the tallies once, and after them the next time: instances
        # tallied in between were made between two words, but for one per thread.
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
