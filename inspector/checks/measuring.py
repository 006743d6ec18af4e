"""Measures runs, and reports only types whose references change in every run.

A screen of all types comes first: types that it does not suspect have not leaked.  The
suspects are measured again with a collection after each run.  Only a change in every run is
reported, as in CPython's own leak tests: a cache that is filled once is none.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from inspector.checks.counts import collect_garbage, find_changes, read_counts
from inspector.checks.evidence import (
    LOSSES,
    add_holders,
    add_traffic,
    describe_type,
    judge_as,
)
from inspector.checks.holders import find_holders
from inspector.checks.problem import Finding
from inspector.checks.screening import Load, Screen, Suspects
from inspector.checks.support import find_support
from inspector.checks.tracker import Tracker
from inspector.checks.turns import Reading, Turn
from inspector.checks.watched_types import WatchedTypes, find_all_types, is_own, name_of
from inspector.verdict.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from inspector.checks.counts import Counts
    from inspector.checks.rules import Rules
    from inspector.checks.tracker import CountChange
    from inspector.checks.turns import Check
    from inspector.verdict.judge import Judgement

__all__ = ["confirm_suspects", "measure_changes"]

_NOTE_IDLE: Final = "it grows without a run too; threads: {}"


def measure_changes(load: Load, rules: Rules, types: Iterable[type] | None = None) -> list[Finding]:
    """Run ``load.repeat`` times, as often again if anything is suspect; return what persists.

    Looks at ``types``, by default at all types, classes that are created and stay
    included.  The caller has warmed up.
    """
    with Turn() as turn:
        with Screen(types) as screen:
            for _ in range(load.repeat):
                load.run()
                turn.go_on()
            suspects = screen.suspects(rules, load)
        return confirm_suspects(load, rules, suspects) if suspects else []


def confirm_suspects(load: Load, rules: Rules, suspects: Suspects) -> list[Finding]:
    """Run again, with a collection after each run; return what moved in every run."""
    with Turn() as turn:
        return _confirm_alone(load, rules, suspects, turn)


def _confirm_alone(load: Load, rules: Rules, suspects: Suspects, turn: Check) -> list[Finding]:
    """Run again while no other check runs its callable."""
    refs = WatchedTypes(suspects.refs)
    run = _RepeatedRuns(load, rules, refs)
    with Tracker(refs, threads=True) as tracker:
        beside = tracker.labels.keys() - {threading.get_native_id()}
        with Reading():
            collect_garbage()
            names = _class_names() if suspects.classes else Counter()
            visible = find_holders(refs)
            first = last = tracker.restart()
        begin = time.perf_counter()
        for _ in range(load.repeat):
            load.run()
            turn.go_on()
            with Reading():
                collect_garbage()
                now = read_counts(refs)
                run.step(last, now)
                last = now
                run.born.append(_class_names() - names if suspects.classes else Counter())
                if not run.steps and not any(run.classes().values()):
                    return []
        seconds = time.perf_counter() - begin
        _, moved = tracker.read_changes()
        idle = run.find_idle(moved, beside, seconds)
        window = Evidence(
            seconds=seconds,
            collected=True,
            merges=tracker.collections + tracker.ended_threads,
            ended=tracker.ended_threads,
            check_beside=turn.beside,
        )
        findings = []
        with Reading():
            holding = find_holders(refs)
            for number in run.steps:
                evidence = run.evidence(number, window, first)
                if number in moved:
                    evidence = add_traffic(evidence, [moved[number]], beside)
                evidence = add_holders(evidence, visible[number], holding[number])
                evidence = evidence._replace(idle=idle.get(number))
                judged = judge_as(evidence, LOSSES)
                if judged is not None:
                    named = tracker.name_threads(moved.get(number))
                    findings.append(run.finding(number, judged, (first, last), named))
            return findings + run.class_findings(names, window)


class _RepeatedRuns:
    """The steps of the suspects that have moved in every run so far."""

    def __init__(self, load: Load, rules: Rules, refs: WatchedTypes) -> None:
        self.load = load
        self.rules = rules
        self.refs = refs
        self.steps: dict[int, list[int]] = {number: [] for number in range(len(refs))}
        self.born: list[Counter[str]] = []
        """Classes by name that were not there at the start, after each run."""

    def step(self, before: Counts, after: Counts) -> None:
        """Drop types that did not change this time, or the other way, or less and less."""
        changes = find_changes(before, after)
        for number, steps in list(self.steps.items()):
            subject = self.refs[number]()
            allowed = self.rules.allowed(subject) if subject is not None else None
            change = changes.get(number, 0)
            if (
                allowed is None
                or abs(change) <= allowed * self.load.calls
                or (steps and (change > 0) != (steps[0] > 0))
                or (steps and 2 * abs(change) < abs(steps[0]))
            ):
                del self.steps[number]
            else:
                steps.append(change)

    def classes(self) -> Counter[str]:
        """Return the names of which each run has left at least one class more."""
        if not self.born:
            return Counter()
        left: Counter[str] = Counter()
        for name, count in self.born[-1].items():
            if self._grew_in_each_run(name) and not self._ignored(name):
                left[name] = count
        return left

    def _grew_in_each_run(self, name: str) -> bool:
        """Whether each run has left at least one class more of this name."""
        for number, born in enumerate(self.born, 1):
            if born[name] < number:
                return False
        return True

    def _ignored(self, name: str) -> bool:
        """Whether the rules ignore all classes of this name that are alive."""
        for subject in find_all_types():
            if name_of(subject) == name and self.rules.allowed(subject) is not None:
                return False
        return True

    def evidence(self, number: int, window: Evidence, first: Counts) -> Evidence:
        """Return what is known of one type but for who counted and who holds it."""
        subject, counted = self.refs[number](), first.at(number)
        steps = tuple(self.steps[number])
        if subject is None or counted is None:
            return window
        of_type = describe_type(subject, first.slots, number, window)
        return of_type._replace(
            runs=steps,
            total=sum(steps),
            before=counted.total,
            stated=len(steps) == 1,
            calls=self.load.calls * len(steps) if self.load.unit == "call" else None,
        )

    def find_idle(
        self, moved: Mapping[int, CountChange], beside: Collection[int], seconds: float
    ) -> dict[int, bool]:
        """Wait as long as the runs took: what grows then too is another thread's doing.

        Returns whether it grew, by position, of what other threads may have taken: what they
        were seen to count, or anything where nobody counts which thread took a reference.
        """
        asked: set[int] = set()
        if find_support().threads:
            for number in self.steps:
                if number in moved and moved[number].contributions.keys() & beside:
                    asked.add(number)
        elif threading.active_count() > 1:
            asked.update(self.steps)
        if not asked:
            return {}
        growing = set(asked)
        last = read_counts(self.refs)
        for _ in range(self.load.repeat):
            time.sleep(seconds / self.load.repeat)
            with Reading():
                collect_garbage()
                now = read_counts(self.refs)
            changes = find_changes(last, now)
            for number in asked:
                if changes.get(number, 0) <= 0:
                    growing.discard(number)
            last = now
        return {number: number in growing for number in asked}

    def finding(
        self,
        number: int,
        judged: Judgement,
        counts: tuple[Counts, Counts],
        contributions: Mapping[str, int],
    ) -> Finding:
        """Return the finding on one type."""
        subject = self.refs[number]()
        before, after = counts
        first, last = before.at(number), after.at(number)
        return Finding(
            name_of(subject) if subject is not None else "?",
            judged,
            first.total if first else 0,
            last.total if last else 0,
            self.load.unit,
            self.load.calls,
            contributions,
            note=_NOTE_IDLE.format(_name_others()) if judged.evidence.idle else "",
        )

    def class_findings(self, before: Mapping[str, int], window: Evidence) -> list[Finding]:
        """Return the classes themselves that each run has left behind."""
        findings = []
        for name, number in self.classes().items():
            evidence = window._replace(
                kind="class",
                runs=(number // self.load.repeat,) * self.load.repeat,
                stated=self.load.repeat == 1,
                total=number,
                instances=number,
                held=number,
            )
            judged = judge_as(evidence, LOSSES)
            if judged is not None:
                findings.append(
                    Finding(
                        name,
                        judged,
                        before.get(name, 0),
                        before.get(name, 0) + number,
                        self.load.unit,
                        self.load.calls,
                        note="the class itself: one more of this name is alive after each run",
                    )
                )
        return findings


def _name_others() -> str:
    """Return the names of all threads but this."""
    names = []
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            names.append(thread.name)
    return ", ".join(names)


def _class_names() -> Counter[str]:
    """Count the classes by name, without those of inspector."""
    names: Counter[str] = Counter()
    for subject in find_all_types():
        if not is_own(subject):
            names[name_of(subject)] += 1
    return names
