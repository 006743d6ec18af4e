"""The guilty line is told first, run after run: `make why`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.diagnosis.why import watch_threads
from tests.live.puppets import Restless
from tests.support import TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from inspector.analysis.thread_time import Finding

RUNS = int(os.environ.get("INSPECTOR_WHY", "1"))
SECONDS = 4.0

GUILTY = {
    "stop": ("stop-the-world", "", 1.0),
    "hold": ("lock", "__main__.LOCK", 1.0),
    "attribute": ("object", "__main__.SETTINGS.value", 0.9),
    "ask": ("object", "__main__.OTHER_LOCK", 0.9),
    "make_types": ("type", "collections.deque", 0.9),
}
"""What one of five functions does -> kind of the finding, what its name has, and the share of
runs in which its line must come first."""


def find(findings: tuple[Finding, ...], kind: str, name: str) -> Finding | None:
    """Return the first finding of a kind with a name."""
    return next((each for each in findings if each.kind == kind and name in each.name), None)


@pytest.mark.parametrize("version", interpreters(debug=False))
@pytest.mark.parametrize("how", GUILTY)
def test_the_line_of_one_of_five_functions_comes_first(
    version: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if how == "ask" and version.startswith("3.15"):
        pytest.skip("3.15 counts locks without a word that threads share")
    kind, name, share = GUILTY[how]
    first = 0
    for _ in range(RUNS):
        with Restless(python_of(version), TARGETS / "apart.py", f"five:{how}", "2") as puppet:
            found = watch_threads(inspector.attach(puppet.pid), duration=SECONDS)
            guilty = find(found.findings, kind, name)
            if guilty is not None and guilty.lines:
                first += guilty.lines[0].line == puppet.ready["line"]
    with capsys.disabled():
        print(f"\n{version} {how}: first in {first} of {RUNS}")  # noqa: T201 - what is measured
    assert first >= share * RUNS
