"""What a check found, as frozen values, and in words that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.verdict.evidence import Evidence
    from inspector.verdict.judge import Judgement

__all__ = ["CheckFailed", "Finding", "Problem", "Verdict"]


THREADS = 4
"""Threads that are named in a message."""


@dataclass(frozen=True)
class Finding:
    """What one type's references did."""

    type: str
    """``module.qualname``."""
    judgement: Judgement
    before: int
    after: int
    unit: str = "run"
    """What was run: ``run`` of a test or block, or ``call`` of a factory."""
    calls: int = 1
    """Units in each run."""
    contributions: Mapping[str, int] = field(default_factory=dict)
    """Of the change, per thread: ``name (native id)`` -> signed count."""
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """What the judge says."""
        return self.judgement.verdict

    @property
    def evidence(self) -> Evidence:
        """What it rests on."""
        return self.judgement.evidence

    @property
    def runs(self) -> tuple[int, ...]:
        """Change in each run."""
        return self.evidence.runs

    @property
    def header(self) -> int | None:
        """Of the change, counted in the header; None where threads are not told apart."""
        return self.evidence.header

    @property
    def instances(self) -> int | None:
        """Instances alive that were not before; None where nobody looked."""
        return self.evidence.instances

    @property
    def change(self) -> int:
        """The whole change."""
        return self.after - self.before

    @property
    def each(self) -> float:
        """The change per unit, of the run that changed least."""
        return min(self.runs, key=abs) / self.calls if self.runs else self.change / self.calls

    def headline(self) -> str:
        """Say it in one line."""
        if self.verdict is Verdict.CHANGED:
            return f"{self.type}: {self.after} references, {self.before} expected"
        if self.verdict in (Verdict.PLAIN_DECREF, Verdict.NO_UNIQUE_ID, Verdict.HOT_HEADER):
            return f"{self.type} is not balanced ({self.verdict})"
        often = ""
        if len(self.runs) > 1:
            often = f", in every one of {len(self.runs)} runs"
            if self.calls > 1:
                often += f" of {self.calls} {self.unit}s"
        return (
            f"{self.type}: {_format_references(self.each)} per {self.unit}{often} ({self.verdict})"
        )

    def advice(self) -> str:
        """Say what it means and what to look at."""
        return self.judgement.advice

    def lines(self) -> list[str]:
        """Return everything that is known, headline first."""
        references = f"{self.before} before, {self.after} after"
        if self.runs:
            references += f" ({_fold_equal(self.runs)})"
        rows = [("references", references)]
        if self.header is not None:
            rows.append(("header", f"{self.header:+d}"))
            rows.append(("per thread", _format_contributions(self.contributions)))
        if self.verdict in (Verdict.LEAKING, Verdict.KEPT, Verdict.GROWING):
            alive = "not visible" if self.instances is None else f"{self.instances:+d}"
            rows.append(("instances", alive))
            if self.evidence.held is not None and self.evidence.held != self.instances:
                rows.append(("held", f"{self.evidence.held:+d} by live objects"))
        rows.append(("verdict", f"{self.verdict}: {self.advice()}"))
        if self.note:
            rows.append(("note", self.note))
        lines = [self.headline()]
        for label, text in rows:
            lines.append(f"  {label:<11} {text}")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "type": self.type,
            **self.judgement.as_dict(),
            "before": self.before,
            "after": self.after,
            "runs": list(self.runs),
            "unit": self.unit,
            "calls": self.calls,
            "header": self.header,
            "contributions": dict(self.contributions),
            "instances": self.instances,
            "note": self.note,
            "change": self.change,
            "per_unit": self.each,
        }


def _format_contributions(contributions: Mapping[str, int]) -> str:
    """Return who counted how much, the busiest first."""
    busiest = sorted(contributions, key=lambda name: abs(contributions[name]), reverse=True)
    parts = [f"{name} {contributions[name]:+d}" for name in busiest[:THREADS]]
    if others := busiest[THREADS:]:
        total = sum(contributions[name] for name in others)
        parts.append(f"{len(others)} more {total:+d}")
    return ", ".join(parts) or "+0"


def _fold_equal(steps: Sequence[int]) -> str:
    """Return changes, those that are the same in a row once with their number: ``+1 × 50``."""
    parts = []
    for step, same in groupby(steps):
        number = len(list(same))
        parts.append(f"{step:+d} × {number}" if number > 1 else f"{step:+d}")
    return ", ".join(parts)


def _format_references(number: float) -> str:
    """Return ``+1 reference`` and the like."""
    text = f"{number:+.0f}" if number == int(number) else f"{number:+.2f}"
    return f"{text} reference{'' if abs(number) == 1 else 's'}"


@dataclass(frozen=True)
class Problem:
    """Why a check failed: at least one finding."""

    findings: tuple[Finding, ...]
    reproduce: str = ""
    """How to see it again."""
    noticed: tuple[Finding, ...] = ()
    """What moved as well and is no fault of what was checked."""

    @property
    def verdict(self) -> Verdict:
        """The verdict on the first type."""
        return self.findings[0].verdict

    def __str__(self) -> str:
        lines = []
        for finding in self.findings:
            lines += finding.lines()
        for finding in self.noticed:
            lines += ["also seen, and not counted against it:", *finding.lines()]
        if self.reproduce:
            lines.append(f"reproduce with: {self.reproduce}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "findings": [finding.as_dict() for finding in self.findings],
            "noticed": [finding.as_dict() for finding in self.noticed],
            "reproduce": self.reproduce,
        }


class CheckFailed(AssertionError):
    """A stated fact about the references to a type does not hold."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
