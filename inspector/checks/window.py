"""A block of code, and what the references to types did while it ran."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Self

from inspector.checks.counts import collect_garbage, find_changes, read_counts
from inspector.checks.evidence import (
    LOSSES,
    add_holders,
    add_traffic,
    describe_type,
    judge_as,
    split_findings,
)
from inspector.checks.holders import find_holders
from inspector.checks.problem import CheckFailed, Finding, Problem
from inspector.checks.tracker import Tracker, thread_labels
from inspector.checks.turns import Reading, open_check
from inspector.checks.watched_types import find_all_types, is_own, name_of, watch_types
from inspector.verdict.evidence import Evidence

if TYPE_CHECKING:
    from types import TracebackType

    from inspector.checks.rules import Rules

__all__ = ["Window"]


class Window:
    """A context manager that compares the counts after its block with those before.

    It collects before and after.  After the block ``problem`` is a :class:`Problem`
    or None, and ``noticed`` what other threads did meanwhile; neither is set when
    the block raised.
    """

    def __init__(
        self, rules: Rules, types: tuple[type, ...] | None, *, both_ways: bool, raises: bool
    ) -> None:
        self._rules = rules
        self._types = types
        self._both_ways = both_ways
        self._raises = raises
        self.problem: Problem | None = None
        self.noticed: tuple[Finding, ...] = ()

    def __enter__(self) -> Self:
        self._check = open_check()
        try:
            with Reading():
                self._open()
        except BaseException:
            self._check.end()
            raise
        return self

    def _open(self) -> None:
        """Read what is there before the block."""
        self._beside = thread_labels().keys() - {threading.get_native_id()}
        read_counts(watch_types(self._types))  # the first reading of a process leaves things behind
        collect_garbage()
        refs = watch_types(self._types)
        self._names = None if self._types else Counter(map(name_of, find_all_types()))
        self._visible = find_holders(refs)
        self._begin = time.perf_counter()
        self._tracker = Tracker(refs, threads=True)
        self._tracker.__enter__()
        self._before = self._tracker.restart()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        try:
            if error is not None:
                return
            with Reading():
                collect_garbage()
                findings, self.noticed = split_findings(self._findings())
        finally:
            self._tracker.__exit__(kind, error, traceback)
            self._check.end()
        if findings:
            self.problem = Problem(findings, noticed=self.noticed)
            if self._raises:
                raise CheckFailed(self.problem)

    def _findings(self) -> list[Finding]:
        """Return what moved more than the rules allow."""
        after, moved = self._tracker.read_changes()
        ended = self._tracker.ended_threads
        window = Evidence(
            seconds=time.perf_counter() - self._begin,
            stated=True,
            collected=True,
            merges=self._tracker.collections + ended,
            ended=ended,
            check_beside=self._check.beside,
        )
        born = [] if self._names is None else self._born(self._names, window)
        refs = self._before.refs
        changes: dict[int, int] = {}
        for number, change in find_changes(self._before, after).items():
            if self._matters(number, change):
                changes[number] = change
        holding = find_holders([refs[number] for number in changes])
        findings = []
        for (number, change), held in zip(changes.items(), holding, strict=True):
            subject, first, last = refs[number](), self._before.at(number), after.at(number)
            if subject is None or first is None or last is None:
                continue
            evidence = describe_type(subject, after.slots, number, window)
            evidence = evidence._replace(total=change, before=first.total)
            if number in moved:
                evidence = add_traffic(evidence, [moved[number]], self._beside)
            evidence = add_holders(evidence, self._visible[number], held)
            if judged := judge_as(evidence, LOSSES):
                named = self._tracker.name_threads(moved.get(number))
                name = name_of(subject)
                findings.append(Finding(name, judged, first.total, last.total, "block", 1, named))
        return findings + born

    def _matters(self, number: int, change: int) -> bool:
        """Whether the rules do not allow so much of a change to a type."""
        subject = self._before.refs[number]()
        allowed = self._rules.allowed(subject) if subject is not None else None
        if allowed is None or abs(change) <= allowed:
            return False
        return change > 0 or self._both_ways

    def _ignores(self, types: list[type]) -> bool:
        """Whether the rules ignore all of some types."""
        for subject in types:
            if self._rules.allowed(subject) is not None:
                return False
        return True

    def _born(self, before: Counter[str], window: Evidence) -> list[Finding]:
        """Return the classes that the block left behind."""
        alive: dict[str, list[type]] = {}
        for subject in find_all_types():
            if not is_own(subject):
                alive.setdefault(name_of(subject), []).append(subject)
        findings = []
        for name, same in alive.items():
            more = len(same) - before[name]
            if more <= 0 or self._ignores(same):
                continue
            evidence = window._replace(kind="class", total=more, instances=more, held=more)
            if judged := judge_as(evidence, LOSSES):
                note = "the class itself: there are more of this name"
                findings.append(
                    Finding(name, judged, before[name], len(same), "block", 1, note=note)
                )
        return findings
