"""Endurance: readings by the thousand of what never rests are right, and leave nothing behind.

``make test`` takes a few hundred of each kind, ``make soak`` 100,000 and 50,000, and
10,000 among callbacks that read, too;
``INSPECTOR_SOAK`` is the seconds that the two together may take with it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.soak.steadiness import growth
from tests.support import interpreters, printed_by, python_of

PROGRAMS = Path(__file__).resolve().parent / "targets"

SECONDS = float(os.environ.get("INSPECTOR_SOAK", "0"))
LONG = SECONDS > 0

MIB = 1 << 20


class Length(NamedTuple):
    """How much there is to do, and how long it may take."""

    number: int
    seconds: float


OWN = Length(100_000, SECONDS * 2 / 3) if LONG else Length(150, 30)
OUTSIDE = Length(50_000, SECONDS / 3) if LONG else Length(100, 30)

CALLBACKS = {
    # Snapshots of `make soak`, 10,000 in all: where every line is traced they take longest.
    "audit,gc": 2500,
    "audit,signal,finalizer": 3000,
    "monitoring,signal": 3000,
    "profile": 1200,
    "trace,finalizer": 300,
}
"""By kinds of callbacks that are installed at the same time."""

SLACK = 12 * MIB if LONG else 64 * MIB
"""Bytes by which the memory of a reader may grow from the second tenth to the last: of
100,000 snapshots a leak of 300 bytes each is more, even if CPython kept a little less of
the interpreters than is taken off for them."""


def show(title: str, seen: dict[str, Any], done: int) -> None:
    """Print the figures; ``make soak`` lets them be seen."""
    if done < seen["wanted"]:
        title += f": the time was up after {done:,} of {seen['wanted']:,}"
    lines = [f"\n{title}", *(f"  {name:<20} {figure}" for name, figure in seen.items())]
    sys.stdout.write("\n".join(lines) + "\n")


def judge(seen: dict[str, Any]) -> None:
    """Assert what holds of both programs."""
    assert seen["faults"] == []
    assert seen["leftovers"] == []
    assert seen["growth"] < SLACK, seen["samples"]


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_snapshots_stay_exact_while_everything_changes(version: str) -> None:
    program, wanted = PROGRAMS / "own.py", [str(OWN.number), str(OWN.seconds)]
    seen = printed_by(python_of(version), program, *wanted, timeout=OWN.seconds + 300)
    show(f"exact snapshots of the own process, {version}", seen, seen["snapshots"])
    judge(seen)
    assert seen["exact"] == seen["snapshots"] == seen["one"] + seen["whole"]
    assert seen["snapshots"] == OWN.number or seen["seconds"] >= OWN.seconds
    assert seen["errors"] == {}
    assert seen["bad_children"] == []
    assert seen["left"] == []
    assert seen["most inner"] <= seen["inner at rest"]
    assert min(seen["forks"], seen["interpreters"], seen["others"]) > 0


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
@pytest.mark.parametrize("kinds", CALLBACKS)
def test_callbacks_that_read_neither_hang_a_reading_nor_make_it_wrong(
    version: str, kinds: str
) -> None:
    wanted = Length(CALLBACKS[kinds], 3600) if LONG else Length(20, 2)
    program, lengths = PROGRAMS / "callbacks.py", [str(wanted.number), str(wanted.seconds)]
    seen = printed_by(python_of(version), program, kinds, *lengths, timeout=wanted.seconds + 300)
    show(f"snapshots among callbacks, {kinds}, {version}", seen, seen["snapshots"])
    assert seen["faults"] == []
    assert seen["exact"] == seen["snapshots"] > 0
    assert seen["snapshots"] == wanted.number or seen["seconds"] >= wanted.seconds


@pytest.mark.parametrize("version", interpreters(debug=False, alone=LONG))
def test_targets_that_start_fork_exec_and_die_are_read_right_or_said_to_be_gone(
    version: str,
) -> None:
    program, wanted = PROGRAMS / "outside.py", [str(OUTSIDE.number), str(OUTSIDE.seconds)]
    arguments = [python_of(version), *wanted]
    seen = printed_by(sys.executable, program, *arguments, timeout=OUTSIDE.seconds + 300)
    show(f"readings of other processes, {version}", seen, seen["readings"])
    judge(seen)
    assert seen["readings"] >= OUTSIDE.number or seen["seconds"] >= OUTSIDE.seconds
    # On a machine that is busy with something else a pause may not come about in time.
    assert seen["errors"].get("ending: Unsettled", 0) <= seen["targets"] / 10
    assert min(seen[each] for each in ("kill", "leave", "replace", "forks")) > 0


def test_a_leak_of_300_bytes_per_snapshot_is_not_taken_for_noise() -> None:
    noise = [number * 7919 % 5 * MIB for number in range(2000)]
    assert abs(growth(noise)) <= MIB
    # 100,000 snapshots, looked at every fifty.
    leak = [each + number * 50 * 300 for number, each in enumerate(noise)]
    assert growth(leak) > 20 * MIB
