"""Whose references they are: another thread's, those of live instances, or nobody's."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.checks.problem import Finding, Verdict
from inspector.checks.support import support

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from inspector.checks.holders import Held
    from inspector.checks.tracker import Move

__all__ = ["attribute", "failing", "who_holds"]


def attribute(
    finding: Finding, move: Move | None, labels: Mapping[int, str], beside: Collection[int]
) -> Finding:
    """Add to a finding who counted what; blame the threads ``beside`` if it was them."""
    if move is None or not support().threads:
        return finding
    named = {labels.get(n, f"thread {n}"): each for n, each in move.contributions.items()}
    finding = replace(finding, header=move.header, contributions=named)
    others = sum(each for n, each in move.contributions.items() if n in beside)
    own = move.contributions.get(threading.get_native_id(), 0)
    # The same number in every run that the checking thread counted itself is its own
    # doing, whatever other threads do to the type.
    its_own = own >= finding.change and len(set(finding.runs)) == 1
    if others >= finding.change > 0 and not its_own:
        return replace(finding, verdict=Verdict.BACKGROUND)
    return finding


def who_holds(
    findings: list[Finding], numbers: list[int], before: list[Held], after: list[Held]
) -> list[Finding]:
    """Tell references that something visible holds from those that nobody holds."""
    result = []
    for finding, number in zip(findings, numbers, strict=True):
        instances = after[number].instances - before[number].instances
        seen = after[number].references - before[number].references
        each = replace(finding, instances=instances)
        if each.verdict is Verdict.LEAKING and each.change - seen < len(each.runs):
            each = replace(each, verdict=Verdict.KEPT)
        result.append(each)
    return result


def failing(findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Part the findings into those that fail a check and those that explain themselves."""
    everything = list(findings)
    noticed = tuple(each for each in everything if each.verdict is Verdict.BACKGROUND)
    return tuple(each for each in everything if each not in noticed), noticed
