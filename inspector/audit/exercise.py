"""One type, exercised in this process: made and freed, in one thread and in several."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.audit.find import of_python
from inspector.audit.heating import heat_of_calls
from inspector.audit.result import Exercise
from inspector.census.verdict import HOT, Evidence, Verdict
from inspector.checks.balance import lost_by_calls, traffic_of_calls
from inspector.checks.subjects import is_counted, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NotExercised", "Step", "exercised"]

WARM_UP: Final = 20
"""Calls that are not looked at: what they fill (a cache, a free list) is filled once."""

FEWEST: Final = 5
"""Calls of a run, however slow they are."""

RUN_SECONDS: Final = 0.05
"""That the calls of one run may take in one thread."""

FORK_SECONDS: Final = 0.1
"""That a process has to say that it is a copy made by a constructor, before the next call."""

CUSHION: Final = 100_000
"""References held meanwhile, so that a type which loses some at each call survives that."""


class NotExercised(Exception):
    """Nothing made an instance of the type."""


class Step(NamedTuple):
    """What is known after so many threads."""

    name: str
    """Of the type that was exercised."""
    verdict: Verdict
    exercise: Exercise


def exercised(
    factory: Callable[[], object], subject: type | None, calls: int, threads: int
) -> Iterator[Step]:
    """Exercise the type of what a factory returns: in one thread, then in ``threads``.

    Raises :class:`NotExercised` when that is not ``subject`` (None for any type), or
    is not counted, and whatever the factory raises.
    """
    process = os.getpid()
    found = type(factory())
    _demand_one_process(process)
    if subject is not None and found is not subject:
        same = name_of(found) == name_of(subject)
        other = "another type of that name" if same else name_of(found)
        raise NotExercised(f"makes {other}")
    if not is_counted(found):
        raise NotExercised(f"{name_of(found)} is static: nobody counts its references")
    if sys.getrefcount(found) == sys.getrefcount(None):  # the same of whatever is immortal
        yield Step(name_of(found), Verdict.IMMORTAL, Exercise(1, 1, Evidence()))
        return
    cushion = [found] * CUSHION
    calls = _affordable(factory, calls)
    for number in sorted({1, threads}):
        yield _step(found, factory, calls, number)
    cushion.clear()


def _demand_one_process(expected: int) -> None:
    """Raise in the copy that a constructor made of its process: each call would double them."""
    if os.getpid() != expected:
        raise NotExercised("forks, and returns in both processes")
    with suppress(ChildProcessError):  # nearly always there is no child
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        time.sleep(FORK_SECONDS)


def _affordable(factory: Callable[[], object], calls: int) -> int:
    """Warm up, and return how many calls a run may have: fewer of a slow constructor."""
    begin = time.perf_counter()
    for done in range(1, WARM_UP + 1):
        factory()
        each = (time.perf_counter() - begin) / done
        if done >= FEWEST and each * done > RUN_SECONDS:
            break
    return max(FEWEST, min(calls, int(RUN_SECONDS / max(each, 1e-9))))


def _step(subject: type, factory: Callable[[], object], calls: int, threads: int) -> Step:
    """Call the factory in so many threads and judge."""
    seen = traffic_of_calls(subject, factory, calls, threads)
    if seen.move.total:
        gc.unfreeze()  # who holds what is seen of all objects
    # What one run leaves may be a cache that it filled: only what every run leaves is lost.
    lost = lost_by_calls(subject, factory, calls, threads) if seen.move.total else []
    evidence = Evidence(
        total=lost[0].change // len(lost[0].runs) if lost else 0,
        header=seen.move.header,
        contributed=sum(seen.move.contributions.values()),
        merges=seen.collections,
        instances=lost[0].instances if lost else None,
    )
    verdict = lost[0].verdict if lost else seen.verdict or Verdict.BALANCED
    # Sampling takes many calls: not of what each call makes worse. What Python code defines
    # and gives back per thread touches no header.
    if threads > 1 and not lost and (verdict is not Verdict.BALANCED or not of_python(subject)):
        heat = heat_of_calls(subject, factory, threads)
        evidence = evidence._replace(samples=heat.samples, moved=heat.moved)
        if verdict is Verdict.BALANCED and heat.bounds[0] >= HOT:
            verdict = Verdict.HOT_HEADER
    return Step(name_of(subject), verdict, Exercise(threads, seen.calls, evidence))
