"""A block of code, and what the references to types did while it ran."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

from inspector.checks.blame import attribute, failing
from inspector.checks.counts import collect, moves, read
from inspector.checks.holders import held
from inspector.checks.problem import CheckFailed, Finding, Problem, Verdict
from inspector.checks.subjects import all_types, is_own, name_of, watch
from inspector.checks.tracker import Tracker, thread_labels

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
        self._beside = thread_labels().keys() - {threading.get_native_id()}
        read(watch(self._types))  # the first reading of a process leaves things behind
        collect()
        refs = watch(self._types)
        self._names = None if self._types else Counter(map(name_of, all_types()))
        self._ledger = Tracker(refs)
        self._ledger.__enter__()
        self._before = self._ledger.restart()
        return self

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
            collect()
            findings, self.noticed = failing(self._findings())
        finally:
            self._ledger.__exit__(kind, error, traceback)
        if findings:
            self.problem = Problem(findings, noticed=self.noticed)
            if self._raises:
                raise CheckFailed(self.problem)

    def _findings(self) -> list[Finding]:
        """Return what moved more than the rules allow."""
        after, moved = self._ledger.moves()
        born = [] if self._names is None else self._born(self._names)
        findings = []
        for number, change in moves(self._before, after).items():
            subject = self._before.refs[number]()
            allowed = self._rules.allowed(subject) if subject is not None else None
            if subject is None or allowed is None or abs(change) <= allowed:
                continue
            if change < 0 and not self._both_ways:
                continue
            first, last = self._before.at(number), after.at(number)
            if first is None or last is None:
                continue
            verdict = Verdict.CHANGED
            instances = held([self._before.refs[number]])[0].instances
            if change > 0:
                verdict = Verdict.KEPT if instances >= change else Verdict.LEAKING
            finding = Finding(
                name_of(subject),
                verdict,
                first.total,
                last.total,
                (),
                "block",
                1,
                instances=instances,
            )
            move = moved.get(number)
            findings.append(attribute(finding, move, self._ledger.labels, self._beside))
        return findings + born

    def _born(self, before: Counter[str]) -> list[Finding]:
        """Return the classes that the block left behind."""
        alive: dict[str, list[type]] = {}
        for each in all_types():
            if not is_own(each):
                alive.setdefault(name_of(each), []).append(each)
        return [
            Finding(
                name,
                Verdict.KEPT,
                before[name],
                len(same),
                (),
                "block",
                1,
                instances=len(same),
                note="the class itself: there are more of this name",
            )
            for name, same in alive.items()
            if len(same) > before[name]
            and any(self._rules.allowed(each) is not None for each in same)
        ]
