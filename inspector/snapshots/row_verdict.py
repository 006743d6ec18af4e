"""Verdicts on single readings of objects; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspector.snapshots.object_count import ObjectCount
    from inspector.verdict.evidence import Evidence
    from inspector.verdict.judge import Judgement

__all__ = ["judge_reading", "make_judged_document", "read_evidence"]


def read_evidence(row: ObjectCount, *, gil_enabled: bool | None) -> Evidence:
    """Return the evidence in one reading of an object; what takes two readings is None."""
    from inspector.verdict.evidence import Evidence

    return Evidence(
        kind=row.kind,
        state=row.state,
        unique_id=bool(row.unique_id),
        deallocator=row.deallocator or "",
        deallocator_of=row.deallocator_of or "",
        gil_enabled=gil_enabled,
        negative=_is_negative(row),
    )


def judge_reading(row: ObjectCount, *, gil_enabled: bool | None) -> Judgement | None:
    """Return the verdict on one reading of an object; None where that shows nothing.

    The judge is imported only for an object that is immortal, has no unique id, or has a
    count below zero.  One reading of any other object shows nothing.
    """
    if row.unique_id and row.state != "immortal" and not _is_negative(row):
        return None
    from inspector.verdict.judge import judge

    return judge(read_evidence(row, gil_enabled=gil_enabled))


def make_judged_document(row: ObjectCount, *, gil_enabled: bool | None) -> dict[str, Any]:
    """Return the JSON form of an object: its fields and ``verdict``, which may be null.

    With a verdict there are also ``evidence`` and ``advice``.
    """
    judged = judge_reading(row, gil_enabled=gil_enabled)
    verdict = {"verdict": None} if judged is None else judged.as_dict()
    return {**row.as_dict(), **verdict}


def _is_negative(row: ObjectCount) -> bool:
    return row.settled and row.counted is not None and row.counted < 0
