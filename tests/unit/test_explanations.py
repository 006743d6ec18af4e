"""Every verdict and finding is explained, under the name that it is told by."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from inspector.cli.why_request import KINDS
from inspector.verdict.evidence import Verdict
from inspector.verdict.explanations import EXPLANATIONS, Explanation, find_explanation
from tests.support import environment


def test_each_verdict_and_each_finding_has_one_explanation() -> None:
    names = [each.name for each in EXPLANATIONS]
    assert len(set(names)) == len(names)
    assert {*KINDS, *map(str, Verdict)} <= set(names)


@pytest.mark.parametrize(
    "spelled", ["plain decref", "plain-decref", "PLAIN_DECREF", " Plain Decref"]
)
def test_a_name_is_known_however_it_is_spelled(spelled: str) -> None:
    found = find_explanation(spelled)
    assert found is not None
    assert found.name == "plain decref"


@pytest.mark.parametrize("each", EXPLANATIONS, ids=lambda each: each.name)
def test_an_explanation_leaves_nothing_out(each: Explanation) -> None:
    assert all(each), each


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inspector", "explain", *words],
        env=environment(COLUMNS="100"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_explains_one_and_lists_all() -> None:
    shown = run("plain", "decref")
    assert shown.returncode == 0
    assert shown.stdout.startswith("plain decref: instances are counted in threads when made")
    assert "Cython: @cython.freelist(N)" in shown.stdout
    listed = run()
    assert all(each.name in listed.stdout for each in EXPLANATIONS)
    document = json.loads(run("gil", "--json").stdout)
    assert document["explanations"][0]["fixes"]["PyO3"] == "#[pymodule(gil_used = false)]"


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    refused = run("luck")
    assert (refused.returncode, "'luck' is none of" in refused.stderr) == (2, True)
