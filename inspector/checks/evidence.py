"""Evidence for the judge from what a check measured, and the verdicts that fail a check."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

from inspector.checks.problem import Finding, Problem
from inspector.checks.structure import find_deallocator, gil_is_enabled, is_immortal
from inspector.checks.support import find_support
from inspector.checks.watched_types import name_of
from inspector.verdict.evidence import HEADER, Evidence, Verdict
from inspector.verdict.judge import PER_CALL, Judgement, judge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from inspector.checks.holders import Holders
    from inspector.checks.tracker import CountChange
    from inspector.checks.watched_types import TypeSlots

__all__ = [
    "COSTS",
    "LOSSES",
    "add_holders",
    "add_traffic",
    "compare_counts",
    "describe_type",
    "judge_as",
    "split_findings",
]

LOSSES: Final = frozenset(
    {
        Verdict.OVER_DECREF,
        Verdict.LEAKING,
        Verdict.KEPT,
        Verdict.GROWING,
        Verdict.CHANGED,
        Verdict.BACKGROUND,
    }
)
"""Verdicts on how many references there are."""

COSTS: Final = frozenset({Verdict.NO_UNIQUE_ID, Verdict.PLAIN_DECREF, Verdict.HOT_HEADER})
"""Verdicts on where references are counted."""


def judge_as(evidence: Evidence, verdicts: Collection[Verdict]) -> Judgement | None:
    """Return the judgement if its verdict is one of ``verdicts``, else None."""
    found = judge(evidence)
    return found if found is not None and found.verdict in verdicts else None


def describe_type(subject: type, slots: TypeSlots, number: int, window: Evidence) -> Evidence:
    """Add what the structure of a type tells to the evidence of a window.

    ``slots`` tells whether the type, at position ``number``, has a unique id.
    """
    where, owner = find_deallocator(subject)
    inherited = where == HEADER and owner is not subject
    return window._replace(
        state="immortal" if is_immortal(subject) else "",
        unique_id=slots.by_position[number] >= 0 if find_support().threads else None,
        deallocator=where,
        deallocator_of=name_of(owner) if inherited else "",
        gil_enabled=gil_is_enabled(),
    )


def add_traffic(
    evidence: Evidence, changes: Sequence[CountChange], beside: Collection[int] = ()
) -> Evidence:
    """Add which thread counted what in each of several runs.

    ``beside`` are the native ids of threads that ran already and are not what is checked.
    """
    if not changes or not find_support().threads:
        return evidence
    side_by_side = header = contributed = by_others = 0
    by_thread: Counter[int] = Counter()
    for change in changes:
        side_by_side = max(side_by_side, min(_count_busy(change.contributions), change.together))
        header += change.header
        by_thread.update(change.contributions)
    for native, count in by_thread.items():
        contributed += count
        if native in beside:
            by_others += count
    return evidence._replace(
        header=header,
        contributed=contributed,
        threads=side_by_side or None,
        beside=by_others,
        own=by_thread[threading.get_native_id()],
    )


def _count_busy(contributions: Mapping[int, int]) -> int:
    """Count the threads that counted a type in earnest, not just a lock or two of their own."""
    counts = [abs(count) for count in contributions.values()]
    most = max(counts, default=0)
    busy = 0
    for count in counts:
        busy += count >= PER_CALL * most
    return busy


def add_holders(evidence: Evidence, before: Holders, after: Holders) -> Evidence:
    """Add how many more instances live, and how many more references live objects hold."""
    frozen = after.frozen - before.frozen
    if frozen > 0:
        return evidence._replace(frozen=frozen)
    seen = after.references - before.references
    silent, suspended = after.silent - before.silent, after.suspended - before.suspended
    return evidence._replace(
        instances=after.instances - before.instances,
        held=seen + max(0, silent) + max(0, suspended),
        # A frozen object that is gone may have been an instance, which nobody saw.
        held_surely=seen + min(0, silent) + min(0, suspended) + frozen,
    )


def compare_counts(name: str, expected: int, found: int) -> Problem | None:
    """Return the problem if a count is not the expected one, else None."""
    if found == expected:
        return None
    evidence = Evidence(
        total=found - expected,
        before=expected,
        stated=True,
        collected=True,
        gil_enabled=gil_is_enabled(),
    )
    judged = judge_as(evidence, LOSSES)
    return None if judged is None else Problem((Finding(name, judged, expected, found),))


def split_findings(findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the findings that fail a check, and those that other threads explain."""
    failing: list[Finding] = []
    noticed: list[Finding] = []
    for finding in findings:
        (noticed if finding.verdict is Verdict.BACKGROUND else failing).append(finding)
    return tuple(failing), tuple(noticed)
