"""What an audit found, as frozen values."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from inspector.verdict.judge import Judgement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.verdict.evidence import Evidence, Verdict

__all__ = ["Audit", "AuditInfo", "Audited", "Exercise"]


@dataclass(frozen=True)
class Exercise:
    """What making and freeing instances moved, in so many threads."""

    threads: int
    calls: int
    """Of the factory, in all threads together."""
    judgement: Judgement

    @property
    def evidence(self) -> Evidence:
        """What its verdict rests on."""
        return self.judgement.evidence

    def per_call(self, number: int | None) -> float | None:
        """Return what each call adds to a number of the evidence that is of one run."""
        return None if number is None else number / self.calls

    @property
    def lost_per_call(self) -> float | None:
        """References that each call takes and does not give back."""
        total = self.evidence.total
        runs = max(1, len(self.evidence.runs))
        return None if total is None else total / runs / self.calls

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"threads": self.threads, "calls": self.calls, **self.judgement.as_dict()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Exercise:
        """Return what :meth:`as_dict` made this of."""
        judgement = Judgement.from_dict(dict(document))
        return cls(document["threads"], document["calls"], judgement)


@dataclass(frozen=True)
class Audited:
    """One type: a verdict, or why there is none."""

    type: str
    """``module.qualname``."""
    make: str = ""
    """The expression that made instances; empty where nothing did."""
    written_in: str = "C"
    """``C`` (or whatever calls the C API) or ``Python``, a class statement."""
    reason: str = ""
    """Why it was not exercised, or what ended it early."""
    exercises: tuple[Exercise, ...] = ()
    """In one thread, and in several."""
    foreign: str = ""
    """The module that made it, where a target only imports it."""
    skipped: bool = False
    """A table of factories says to leave it alone."""

    @property
    def judgement(self) -> Judgement | None:
        """The most severe one; None for a type that was not exercised."""
        judgements = [each.judgement for each in self.exercises]
        return min(judgements, key=lambda each: each.verdict.rank, default=None)

    @property
    def verdict(self) -> Verdict | None:
        """What the judge says; None for a type that was not exercised."""
        return None if self.judgement is None else self.judgement.verdict

    @property
    def advice(self) -> str:
        """What the verdict means and what to look at."""
        return "" if self.judgement is None else self.judgement.advice

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        judged = None if self.judgement is None else self.judgement.as_dict()
        return {
            **asdict(self),
            **(judged or {"verdict": None, "evidence": None, "advice": ""}),
            "exercises": [each.as_dict() for each in self.exercises],
        }


@dataclass(frozen=True)
class AuditInfo:
    """Which Python it was, and how it was done."""

    python: str
    """``3.14.7t``."""
    build: str
    """``sys.version`` on one line."""
    machine: str
    cores: int
    """That the process may use."""
    calls: int
    """Of each factory in each thread and round."""
    threads: int
    seconds: float
    gil_enabled: bool = False
    """A module switched it on when it was imported."""


@dataclass(frozen=True)
class Audit:
    """All types of the targets."""

    targets: tuple[str, ...]
    rows: tuple[Audited, ...]
    failed: Mapping[str, str]
    """Module -> why it could not be imported."""
    static: int
    """Types that are not counted at all: static ones."""
    made: AuditInfo

    def verdicts(self) -> Counter[Verdict]:
        """Count the verdicts."""
        return Counter(each.verdict for each in self.rows if each.verdict is not None)

    def exercised(self) -> list[Audited]:
        """Return the types that have a verdict."""
        return [each for each in self.rows if each.verdict is not None]

    def own(self) -> list[Audited]:
        """Return the types that the targets made, not those that they only import."""
        return [each for each in self.rows if not each.foreign]

    def left_out(self) -> list[Audited]:
        """Return the types of the targets that have none."""
        return [each for each in self.own() if each.verdict is None]

    def foreign(self) -> list[Audited]:
        """Return the types that the targets only import."""
        return [each for each in self.rows if each.foreign]

    def with_any(self, verdicts: Iterable[Verdict]) -> list[Audited]:
        """Return the types with one of these verdicts."""
        wanted = set(verdicts)
        return [each for each in self.rows if each.verdict in wanted]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "targets": list(self.targets),
            "types": [each.as_dict() for each in self.rows],
            "failed": dict(self.failed),
            "static": self.static,
            "verdicts": {verdict.value: n for verdict, n in self.verdicts().most_common()},
            "made": asdict(self.made),
        }
