"""Throughput against threads, with the header traffic beside it."""

from __future__ import annotations

import json

import pytest

from inspector.cli import main
from tests.support import free_threaded_only, unmeasured

QUICK = ["--rounds", "2", "--seconds", "0.001"]


@free_threaded_only
@unmeasured("its callbacks are traffic")
def test_the_header_traffic_of_each_expression_stands_beside_its_throughput(
    capsys: pytest.CaptureFixture[str],
) -> None:
    expressions = ["collections.deque()", "collections.Counter()"]
    assert main(["scale", *expressions, "--threads", "2,1", "--json", *QUICK]) == 0
    document = json.loads(capsys.readouterr().out)
    deque, counter = document["scales"]
    assert [each["expression"] for each in (deque, counter)] == expressions
    for each in (deque, counter):
        assert [point["threads"] for point in each["points"]] == [1, 2]
        assert all(0 < low <= middle <= high for low, middle, high in ratios(each))
    headers = {
        (row["threads"], row["type"]): (round(row["header"], 1), round(row["contributed"], 1))
        for row in deque["traffic"]
    }
    assert headers == {
        (1, "collections.deque"): (-1, 1),
        (2, "collections.deque"): (-1, 1),
    }
    assert {row["verdict"] for row in deque["traffic"]} == {"plain decref"}
    one, two = sorted(deque["traffic"], key=lambda row: row["threads"])
    assert (one["evidence"]["threads"], two["evidence"]["threads"]) == (1, 2)
    assert "2 threads did so side by side, and contend for it" in two["advice"]
    assert "contend for it" not in one["advice"]
    assert counter["traffic"] == []
    assert deque["points"][0]["verdict"] == "base"


def ratios(scale: dict[str, list[dict[str, list[float]]]]) -> list[list[float]]:
    return [point["ratio"] for point in scale["points"]]


@free_threaded_only
@unmeasured("its callbacks are traffic")
def test_more_threads_than_cores_are_measured_and_not_judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspector.audit.scaling.count_cores", lambda: 1)
    assert main(["scale", "object()", "--threads", "1,2", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "no conclusion: 1 core for 2 threads" in shown
    assert "header traffic: none" in shown


@free_threaded_only
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("collections.deque([1)", "not a Python expression"),
        ("no_such_name()", "NameError"),
        ("int('a')", "ValueError"),
        ("exit()", "SystemExit"),
        ("os._exit(3)", "exited with status 3"),
    ],
)
def test_an_expression_that_fails_is_status_2_with_a_hint(
    expression: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["scale", expression, *QUICK]) == 2
    shown = capfd.readouterr().err
    assert said in shown
    assert "hint: " in shown


@free_threaded_only
def test_an_expression_that_blocks_is_given_up_in_time(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspector.audit.scaling.ROUND_SECONDS", 0.5)
    assert main(["scale", "threading.Event().wait()", "--threads", "1"]) == 2
    assert "no answer within 0.6 s" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["scale"],
        ["scale", "1", "--threads", "0"],
        ["scale", "1", "--threads", "1,,2"],
        ["scale", "1", "--threads", "many"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Usage: inspector scale" in capsys.readouterr().err


@free_threaded_only
@unmeasured("its callbacks are traffic")
def test_an_expression_that_collapses_ends_in_time_beside_a_control_that_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["scale", "functools.wraps(len)(lambda: 0)", "--threads", "1,2", "--json"]
    assert main([*words, "--rounds", "3", "--seconds", "0.02"]) == 0
    document = json.loads(capsys.readouterr().out)
    (scale,) = document["scales"]
    collapsed, control = scale["points"][1]["ratio"][1], document["control"][1]["ratio"][1]
    assert collapsed < control
    assert scale["points"][1]["verdict"] in ("loses", "")
    if scale["points"][1]["verdict"] == "loses":
        assert scale["why"][0]["kind"] == "stop-the-world"
