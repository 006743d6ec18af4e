"""What was lost between two readings, and what once and for good."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from inspector.verdict.evidence import Evidence
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inspector.snapshots.leaks import Leaks, LostType, OrphanGroup
    from inspector.verdict.judge import Judgement

__all__ = ["compare_leaks", "judge_orphans", "judge_type"]

BILLION: Final = 1e9
"""Nanoseconds of a second."""


def compare_leaks(before: Leaks, now: Leaks) -> Leaks:
    """Return the later reading with what came since the one before, the fastest growing first.

    Types and groups are matched by name: a baseline may be of another process.
    """
    lost: Counter[str] = Counter()
    for row in before.types:
        lost[row.name] += row.lost or 0
    missing: Counter[tuple[str, str]] = Counter()
    for group in before.orphans:
        missing[group.type, group.held] += group.missing or 0
    types = []
    for row in now.types:
        more = None if row.lost is None else row.lost - lost[row.name]
        types.append(row._replace(growing=more))
    orphans = []
    for group in now.orphans:
        more = None
        if group.missing is not None:
            more = group.missing - missing[group.type, group.held]
        orphans.append(group._replace(growing=more))
    types.sort(key=lambda row: (-(row.growing or 0), -(row.lost or 0), row.name))
    orphans.sort(key=lambda group: (-(group.growing or 0), -(group.missing or 0), group.type))
    return now._replace(
        types=tuple(types),
        orphans=tuple(orphans),
        seconds=(now.taken_ns - before.taken_ns) / BILLION,
    )


def judge_type(leaks: Leaks, row: LostType) -> Judgement | None:
    """Return the verdict on a type; None where nothing is proved, or one reading tells nothing."""
    if not leaks.proved:
        return None
    return judge(
        Evidence(
            gil_enabled=leaks.target["gil_enabled"],
            seconds=leaks.seconds,
            unheld=row.lost,
            unheld_growth=row.growing,
        )
    )


def judge_orphans(leaks: Leaks, group: OrphanGroup) -> Judgement | None:
    """Return the verdict on a group of orphans; None as :func:`judge_type` does."""
    if not leaks.proved:
        return None
    return judge(
        Evidence(
            kind="object",
            gil_enabled=leaks.target["gil_enabled"],
            seconds=leaks.seconds,
            unheld=group.missing,
            unheld_growth=group.growing,
        )
    )


def select_leaks(leaks: Leaks, matches: Callable[[str], bool]) -> Leaks:
    """Return a reading with only the types whose names match."""
    garbage = leaks.garbage
    return leaks._replace(
        types=tuple(row for row in leaks.types if matches(row.name)),
        orphans=tuple(group for group in leaks.orphans if matches(group.type)),
        garbage=garbage and tuple(row for row in garbage if matches(row.type)),
    )


def find_faults(leaks: Leaks, kinds: Collection[str]) -> list[str]:
    """Return what of a reading is proved, and of the kinds ``lost``, ``orphans``, ``growing``."""
    if not leaks.proved:
        return []
    faults = []
    for row in leaks.types:
        if ("lost" in kinds and row.lost) or ("growing" in kinds and judge_type(leaks, row)):
            faults.append(f"{row.name} ({row.lost:,})")
    for group in leaks.orphans:
        grows = "growing" in kinds and judge_orphans(leaks, group)
        if ("orphans" in kinds and group.missing) or grows:
            faults.append(f"{group.type} ({group.missing:,}, orphans)")
    return faults
