"""Real programs, at rest and at work: what is said to be lost there, and that it is true."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.leaks.programs import PROGRAMS
from tests.live.puppets import Restless

if TYPE_CHECKING:
    from inspector.snapshots.leaks import Leaks

READINGS = int(os.environ.get("INSPECTOR_LEAKS", "0"))
PROGRAM = Path(__file__).parent / "programs.py"
PAUSE = 20.0
"""Seconds: machines that run this may be busy."""

pytestmark = pytest.mark.skipif(not READINGS, reason="takes long: make leaks")

LOST_ONCE = {"numpy.ufunc", "builtins.tuple"}
"""What numpy loses at import.  Its tuples are promoters of ufuncs, which have one reference more
than gc.get_referrers finds (2, and 1 dictionary); so have six of its ufuncs (9 and 7, 10 and 8)."""

KNOWN: dict[str, set[str]] = {
    "arrays": LOST_ONCE,
    "frames": LOST_ONCE,
    "orm": {"cython_function_or_method"},
}
"""Program -> types of which references are lost; ``imports`` has more, which are printed."""


def claims(leaks: Leaks) -> dict[str, int]:
    """Return type -> lost references."""
    found = {row.name.rpartition(".")[2]: row.lost or 0 for row in leaks.types}
    for group in leaks.orphans:
        if group.held != "interior":
            found[group.type] = found.get(group.type, 0) + (group.missing or 0)
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_said_to_be_lost_that_is_not(program: str) -> None:
    said: dict[str, list[int]] = {}
    with Restless(sys.executable, "-W", "ignore", PROGRAM, program) as target:
        attached = inspector.attach(target.pid)
        for number in range(2 * READINGS):
            if number == READINGS:
                target.send("work")
                target.answer()
            leaks = attached.leaks(blocking=True, pause_limit=PAUSE)
            assert leaks.proved
            for name, lost in claims(leaks).items():
                said.setdefault(name, []).append(lost)
        target.process.kill()
    for name, numbers in said.items():
        often = f"{len(numbers)} of {2 * READINGS}"
        sys.stdout.write(f"{program}: {name} in {often}, {min(numbers)} to {max(numbers)}\n")
    if program != "imports":
        assert set(said) <= KNOWN.get(program, set())
