"""Threads and processes in every stage of their lives are shown as they are."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import TARGETS, environment, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.parametrize("version", interpreters())


def said(version: str, stage: str) -> Sequence[dict[str, Any]]:
    """Run the target for one stage and return its lines."""
    done = subprocess.run(
        [python_of(version), "-W", "ignore", str(TARGETS / "lives.py"), stage],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_array_grows_only_when_its_thread_counts_something_newer(version: str) -> None:
    assert said(version, "arrays") == [
        {"early": True, "late": True, "grown": 2, "early_counts": None, "late_counts": 1}
    ]


def test_a_thread_that_ended_leaves_its_counts_in_the_header(version: str) -> None:
    assert said(version, "ended") == [{"moved": 50, "contributes": False, "listed": False}]


def test_a_thread_that_python_did_not_start_counts_like_any_other(version: str) -> None:
    assert said(version, "pygilstate") == [{"inside": [True], "moved": 40}]


def test_a_forked_child_has_one_thread_and_the_same_counts(version: str) -> None:
    child, parent = said(version, "fork")
    assert (child["who"], child["threads"]) == ("child", True)
    assert child["counted"] == parent["counted"]
    assert parent["contributed"] == 1500


def test_a_daemon_thread_is_still_counted_at_exit(version: str) -> None:
    assert said(version, "daemon") == [{"listed": True, "contributes": 30}]
