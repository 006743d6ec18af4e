"""One type, exercised in this process: made and freed, in one thread and in several."""

from __future__ import annotations

import gc
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.audit.header_samples import sample_header
from inspector.audit.module_types import is_made_by_python
from inspector.audit.result import Exercise
from inspector.checks.balance import find_lost_by_calls, measure_traffic
from inspector.checks.structure import is_immortal
from inspector.checks.watched_types import is_heap, name_of
from inspector.verdict.advice import describe_evidence
from inspector.verdict.evidence import Evidence, Verdict
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NotExercised", "Step", "exercise_type"]

WARM_UP: Final = 20
"""Calls that are not measured: they fill caches and free lists."""

FEWEST: Final = 5
"""Calls of a run, however slow they are."""

RUN_SECONDS: Final = 0.05
"""That the calls of one run may take in one thread."""

FORK_SECONDS: Final = 0.1
"""That a process has to say that it is a copy made by a constructor, before the next call."""

OF_LOSS: Final = (
    "runs",
    "stated",
    "collected",
    "total",
    "before",
    "instances",
    "held",
    "ended",
    "beside",
    "own",
    "idle",
)
"""Evidence that comes from runs that are repeated; the rest is of one run."""

CUSHION: Final = 100_000
"""References held meanwhile, so that a type survives a loss at each call."""


class NotExercised(Exception):
    """Nothing made an instance of the type."""


class Step(NamedTuple):
    """What is known after so many threads."""

    name: str
    """Of the type that was exercised."""
    exercise: Exercise

    @property
    def verdict(self) -> Verdict:
        """What the judge says of it."""
        return self.exercise.judgement.verdict


def exercise_type(
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
    if not is_heap(found):
        raise NotExercised(f"{name_of(found)} is static: nobody counts its references")
    if is_immortal(found):
        yield _judge_step(found, 1, Evidence(state="immortal", calls=1))
        return
    cushion = [found] * CUSHION
    calls = _choose_calls(factory, calls)
    for number in sorted({1, threads}):
        yield _exercise_in_threads(found, factory, calls, number)
    cushion.clear()


def _demand_one_process(expected: int) -> None:
    """Raise in the copy that a constructor made of its process: each call would double them."""
    if os.getpid() != expected:
        raise NotExercised("forks, and returns in both processes")
    with suppress(ChildProcessError):  # nearly always there is no child
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        time.sleep(FORK_SECONDS)


def _choose_calls(factory: Callable[[], object], calls: int) -> int:
    """Warm up, and return how many calls a run makes: fewer of a slow constructor."""
    begin = time.perf_counter()
    for done in range(1, WARM_UP + 1):
        factory()
        each = (time.perf_counter() - begin) / done
        if done >= FEWEST and each * done > RUN_SECONDS:
            break
    return max(FEWEST, min(calls, int(RUN_SECONDS / max(each, 1e-9))))


def _exercise_in_threads(
    subject: type, factory: Callable[[], object], calls: int, threads: int
) -> Step:
    """Call the factory in so many threads and judge."""
    seen = measure_traffic(subject, factory, calls, threads)
    if seen.change.total:
        gc.unfreeze()  # who holds what is seen of all objects
    # What one run leaves may be a cache that it filled: only what every run leaves is lost.
    lost = find_lost_by_calls(subject, factory, calls, threads) if seen.change.total else []
    evidence = seen.evidence._replace(total=0)
    if lost:
        found = lost[0].evidence
        evidence = evidence._replace(
            **{name: getattr(found, name) for name in OF_LOSS},
            merges=evidence.merges + found.merges,
        )
    # Sampling takes many calls, so types that lose references are not sampled. Types made by
    # Python code that count per thread do not touch the header.
    elif threads > 1 and (_is_costly(evidence) or not is_made_by_python(subject)):
        evidence = sample_header(evidence, subject, factory, threads)
    return _judge_step(subject, threads, evidence)


def _is_costly(evidence: Evidence) -> bool:
    """Whether more than single references were counted in the header."""
    found = judge(evidence)
    return found is not None and found.verdict is not Verdict.BALANCED


def _judge_step(subject: type, threads: int, evidence: Evidence) -> Step:
    """Return what the judge says of evidence."""
    found = judge(evidence)
    if found is None:
        raise NotExercised(f"what calls did says nothing: {describe_evidence(evidence)}")
    return Step(name_of(subject), Exercise(threads, evidence.calls or 1, found))
