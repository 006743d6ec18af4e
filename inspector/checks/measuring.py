"""The measuring: run, count, run again, and believe only what persists.

A screen of all types comes first; what it does not suspect has not leaked.  A suspect
is then confirmed with a collection after each run, and only what moved in every one of
them is reported: that is CPython's own rule for its leak tests, and a cache that
is filled once does not fall under it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.checks.blame import attribute, who_holds
from inspector.checks.counts import collect, moves, read
from inspector.checks.holders import held
from inspector.checks.problem import Finding, Verdict
from inspector.checks.screening import Load, Screen, Suspects
from inspector.checks.subjects import Watched, all_types, is_own, name_of
from inspector.checks.support import support
from inspector.checks.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from inspector.checks.counts import Counts
    from inspector.checks.rules import Rules
    from inspector.checks.tracker import Move

__all__ = ["confirm", "measure"]


def measure(load: Load, rules: Rules, types: Iterable[type] | None = None) -> list[Finding]:
    """Run ``load.repeat`` times, as often again if anything is suspect; return what persists.

    Looks at ``types``, by default at all types, classes that are created and stay
    included.  The caller has warmed up.
    """
    with Screen(types) as screen:
        for _ in range(load.repeat):
            load.run()
        suspects = screen.suspects(rules, load)
    return confirm(load, rules, suspects) if suspects else []


def confirm(load: Load, rules: Rules, suspects: Suspects) -> list[Finding]:
    """Run again, with a collection after each run; return what moved in every run."""
    refs = Watched(suspects.refs)
    run = _Run(load, rules, refs)
    with Tracker(refs, threads=True) as ledger:
        beside = {n: each for n, each in ledger.labels.items() if n != threading.get_native_id()}
        collect()
        names = _class_names() if suspects.classes else Counter()
        visible = held(refs)
        first = last = ledger.restart()
        begin = time.perf_counter()
        for _ in range(load.repeat):
            load.run()
            collect()
            now = read(refs)
            run.step(last, now)
            last = now
            born = _class_names() - names if suspects.classes else Counter()
            run.born.append(born)
            if not run.steps and not any(run.classes().values()):
                return []
        seconds = time.perf_counter() - begin
        _, moved = ledger.moves()
        findings = [
            run.finding(number, (first, last), moved.get(number), ledger.labels, beside)
            for number in run.steps
        ]
        findings = who_holds(findings, list(run.steps), visible, held(refs))
        if not support().threads and threading.active_count() > 1:
            findings = _without_control(findings, list(run.steps), refs, load, seconds)
    return findings + [
        Finding(
            name,
            Verdict.KEPT,
            names[name],
            names[name] + number,
            tuple(number // load.repeat for _ in range(load.repeat)),
            load.unit,
            load.calls,
            instances=number,
            note="the class itself: one more of this name is alive after each run",
        )
        for name, number in run.classes().items()
    ]


class _Run:
    """The steps of the suspects that have moved in every run so far."""

    def __init__(self, load: Load, rules: Rules, refs: Watched) -> None:
        self.load = load
        self.rules = rules
        self.refs = refs
        self.steps: dict[int, list[int]] = {number: [] for number in range(len(refs))}
        self.born: list[Counter[str]] = []
        """Classes by name that were not there at the start, after each run."""

    def step(self, before: Counts, after: Counts) -> None:
        """Drop what did not move this time, or moved the other way, or less and less."""
        changes = moves(before, after)
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
        latest = self.born[-1]
        return Counter(
            {
                name: latest[name]
                for name in latest
                if all(born[name] >= number for number, born in enumerate(self.born, 1))
                and not self._ignored(name)
            }
        )

    def _ignored(self, name: str) -> bool:
        """Whether the rules ignore all classes of this name that are alive."""
        same = [each for each in all_types() if name_of(each) == name]
        return all(self.rules.allowed(each) is None for each in same)

    def finding(
        self,
        number: int,
        counts: tuple[Counts, Counts],
        move: Move | None,
        labels: Mapping[int, str],
        beside: Collection[int],
    ) -> Finding:
        """Return the finding on one type, its verdict still without a look at holders."""
        subject = self.refs[number]()
        first, last = (each.at(number) for each in counts)
        steps = tuple(self.steps[number])
        total = sum(steps)
        finding = Finding(
            name_of(subject) if subject is not None else "?",
            Verdict.LEAKING if total > 0 else Verdict.OVER_DECREF,
            first.total if first else 0,
            last.total if last else 0,
            steps,
            self.load.unit,
            self.load.calls,
        )
        return attribute(finding, move, labels, beside)


def _without_control(
    findings: list[Finding],
    numbers: list[int],
    refs: Watched,
    load: Load,
    seconds: float,
) -> list[Finding]:
    """Wait as long as the runs took: what grows then too is another thread's doing.

    For builds with the GIL, where nobody counts which thread took a reference.
    """
    growing = set(numbers)
    last = read(refs)
    for _ in range(load.repeat):
        time.sleep(seconds / load.repeat)
        collect()
        now = read(refs)
        changes = moves(last, now)
        growing = {number for number in growing if changes.get(number, 0) > 0}
        last = now
    others = ", ".join(
        each.name for each in threading.enumerate() if each is not threading.current_thread()
    )
    return [
        replace(
            each, verdict=Verdict.BACKGROUND, note=f"it grows without a run too; threads: {others}"
        )
        if number in growing and each.change > 0
        else each
        for number, each in zip(numbers, findings, strict=True)
    ]


def _class_names() -> Counter[str]:
    """Count the classes by name, without those of inspector."""
    return Counter(name_of(each) for each in all_types() if not is_own(each))
