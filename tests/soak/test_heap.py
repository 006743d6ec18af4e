"""The heap of a process whose allocator never rests, read again and again.

``make test`` takes a few readings of each kind, ``make heap`` a thousand.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

import inspector
from tests.live.puppets import Restless
from tests.support import TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from inspector.snapshots.heap import Histogram

READINGS = int(os.environ.get("INSPECTOR_READINGS", "0"))
FIXED: Final = 5000 if READINGS else 500
"""Objects of each type below, that live as long as the target."""

PATIENCE: Final = 20.0
"""Seconds that a pause may take on a machine that is busy with something else."""

TYPES: Final = tuple(
    f"__main__.{name}" for name in ("Plain", "Slotted", "Pair", "Table", "Row", "Text", "Reason")
)
"""Types that only ``make`` of the target makes: in each of the three heaps of objects."""

VERSIONS = pytest.mark.parametrize("version", interpreters(debug=False, alone=bool(READINGS)))


def read_again_and_again(version: str, *, blocking: bool) -> list[Histogram]:
    """Read a process in which threads churn, threads start and end, and the collector runs."""
    with Restless(python_of(version), TARGETS / "heaps.py") as target:
        target.ask("make", FIXED)
        target.ask("churn", 2)
        attached = inspector.attach(target.pid)
        return [
            attached.histogram(blocking=blocking, pause_limit=PATIENCE)
            for _ in range(READINGS or 5)
        ]


def mistakes(histogram: Histogram) -> dict[str, int]:
    """Return by how much the number of each type is off, where it is."""
    found: Counter[str] = Counter()
    for row in histogram.types:
        found[row.name] += row.instances
    return {name: found[name] - FIXED for name in TYPES if found[name] != FIXED}


def show(title: str, histograms: list[Histogram]) -> None:
    """Print every reading that was not exact; ``make heap`` lets it be seen."""
    off = [(number, each) for number, each in enumerate(histograms) if mistakes(each)]
    said = sum(bool(each.uncertain) for each in histograms)
    lines = [
        f"\n{title}: {len(histograms):,} readings, {len(off)} not exact, {said} with torn pages",
        *(f"  reading {n}: {mistakes(each)}, {each.uncertain} torn" for n, each in off),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


@VERSIONS
def test_objects_that_stay_are_counted_to_one_in_a_pause_or_it_is_said(version: str) -> None:
    histograms = read_again_and_again(version, blocking=True)
    show(f"in a pause, {version}", histograms)
    for histogram in histograms:
        assert histogram.exact
        # A thread that stopped within the allocator leaves its page short of one block, or over.
        for number in mistakes(histogram).values():
            assert abs(number) <= histogram.uncertain


@VERSIONS
def test_objects_that_stay_are_estimated_while_others_come_and_go(version: str) -> None:
    histograms = read_again_and_again(version, blocking=False)
    show(f"while it runs, {version}", histograms)
    for histogram in histograms:
        lows: Counter[str] = Counter()
        for row in histogram.types:
            lows[row.name] += row.low
        assert not histogram.exact
        assert all(lows[name] <= FIXED for name in TYPES)
        for number in mistakes(histogram).values():
            assert abs(number) <= FIXED // 100
