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
    """The judgement on a type whose instances were made and freed in some number of threads."""

    threads: int
    calls: int
    """Calls of the factory, in all threads together."""
    judgement: Judgement

    @property
    def evidence(self) -> Evidence:
        """What its verdict rests on."""
        return self.judgement.evidence

    def per_call(self, number: int | None) -> float | None:
        """Divide a number of the evidence on one run by the calls; None for None."""
        return None if number is None else number / self.calls

    @property
    def lost_per_call(self) -> float | None:
        """References that each call takes and does not give back; None where unknown."""
        total = self.evidence.total
        runs = max(1, len(self.evidence.runs))
        return None if total is None else total / runs / self.calls

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"threads": self.threads, "calls": self.calls, **self.judgement.as_dict()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Exercise:
        """Return the exercise of which :meth:`as_dict` made a document."""
        judgement = Judgement.from_dict(dict(document))
        return cls(document["threads"], document["calls"], judgement)


@dataclass(frozen=True)
class Audited:
    """One type: a verdict, or why there is none."""

    type: str
    """``module.qualname``."""
    make: str = ""
    """The expression that made instances; empty if there was none."""
    written_in: str = "C"
    """``Python`` for a class statement, ``C`` for anything that calls the C API, or ``?``."""
    reason: str = ""
    """Why the type was not exercised, or why the exercise ended early; else empty."""
    exercises: tuple[Exercise, ...] = ()
    """One in one thread, and one in several."""
    foreign: str = ""
    """The module that made the type, if a target only imports it; else empty."""
    skipped: bool = False
    """Whether a file of factories says to leave the type alone."""

    @property
    def judgement(self) -> Judgement | None:
        """The most severe one; None for a type that was not exercised."""
        judgements = [exercise.judgement for exercise in self.exercises]
        return min(judgements, key=lambda judgement: judgement.verdict.rank, default=None)

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
            "exercises": [exercise.as_dict() for exercise in self.exercises],
        }


@dataclass(frozen=True)
class AuditInfo:
    """The Python that was audited, and the settings of the audit."""

    python: str
    """``3.14.7t``, for example."""
    build: str
    """``sys.version`` on one line."""
    machine: str
    cores: int
    """Cores that the process may use."""
    calls: int
    """Calls of each factory in each thread and round."""
    threads: int
    seconds: float
    """Duration of the whole audit."""
    gil_enabled: bool = False
    """Whether the import of a module enabled the GIL."""


@dataclass(frozen=True)
class Audit:
    """The result for all types of the targets."""

    targets: tuple[str, ...]
    rows: tuple[Audited, ...]
    failed: Mapping[str, str]
    """Module -> why it could not be imported."""
    static: int
    """Static types, which CPython does not count; they have no row."""
    made: AuditInfo

    def verdicts(self) -> Counter[Verdict]:
        """Count the verdicts."""
        return Counter(row.verdict for row in self.rows if row.verdict is not None)

    def exercised(self) -> list[Audited]:
        """Return the types that have a verdict."""
        return [row for row in self.rows if row.verdict is not None]

    def own(self) -> list[Audited]:
        """Return the types that the targets made, not those that they only import."""
        return [row for row in self.rows if not row.foreign]

    def left_out(self) -> list[Audited]:
        """Return the types of the targets that have no verdict."""
        return [row for row in self.own() if row.verdict is None]

    def foreign(self) -> list[Audited]:
        """Return the types that the targets only import."""
        return [row for row in self.rows if row.foreign]

    def with_any(self, verdicts: Iterable[Verdict]) -> list[Audited]:
        """Return the types with one of these verdicts."""
        wanted = set(verdicts)
        return [row for row in self.rows if row.verdict in wanted]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "targets": list(self.targets),
            "types": [row.as_dict() for row in self.rows],
            "failed": dict(self.failed),
            "static": self.static,
            "verdicts": dict(self.verdicts().most_common()),
            "made": asdict(self.made),
        }
