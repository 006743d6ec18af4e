"""Exact snapshots stay exact, and never hang, whatever the other threads do."""

from __future__ import annotations

import os

import pytest

from tests.support import TARGETS, answer, interpreters, python_of

SNAPSHOTS = int(os.environ.get("INSPECTOR_CHURN", "60"))
"""`make churn` takes ten thousand."""


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_snapshots_stay_exact_while_everything_changes(version: str) -> None:
    seen = answer(python_of(version), TARGETS / "churn.py", str(SNAPSHOTS), timeout=8000)
    assert seen["snapshots"] == SNAPSHOTS
    assert seen["negative"] == 0
    low, high = seen["bounds"]["Shared"]
    # One instance at most in each of the two threads that make them.
    assert 0 <= low <= high <= 2
    # One object is an instance of either.
    assert 0 <= seen["bounds"]["One"][0] <= seen["bounds"]["One"][1] <= 1
    assert 0 <= seen["bounds"]["Other"][0] <= seen["bounds"]["Other"][1] <= 1
    assert seen["left"] == {"Shared": 0, "One": 0, "Other": 0}
