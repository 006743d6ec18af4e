"""Every way to look at readings says the same of a type, in the same form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from inspector.diagnosis.ranking import RankedObject
from inspector.screen.dashboard.keys import press_key
from inspector.screen.dashboard.state import Size, State, add_snapshot
from inspector.screen.dashboard.view import clamp_scroll
from inspector.screen.export import export_text
from inspector.snapshots.row_verdict import make_judged_document
from tests.screen.boards import lines
from tests.screen.builder import SECOND, anatomy, heap, history, interpreter, row, snapshot, use

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.snapshots.snapshot import ObjectCount, Snapshot

NAME = "app.Order"


def both(header: int, *threads: int, **fields: Any) -> Callable[[int], ObjectCount]:  # noqa: ANN401 - any field
    """Return a row per step, whose header and threads move by so much."""

    def at(step: int) -> ObjectCount:
        counts = {number: step * each for number, each in enumerate(threads, 1)}
        return row(
            NAME, **{"local": 9000, "shared": step * header, "contributions": counts} | fields
        )

    return at


HEADER: dict[str, Any] = {"deallocator": "header"}
PYTHON: dict[str, Any] = {"deallocator": "per thread"}

CASES: dict[str, tuple[Callable[[int], ObjectCount], str]] = {
    "its own tp_dealloc": (both(-40, 40, **HEADER), "plain decref"),
    "its own tp_dealloc, in two threads": (both(-40, 20, 20, **HEADER), "plain decref"),
    "a short array, or a class assigned": (both(-40, 40, **PYTHON), ""),
    "a class assigned often": (both(-4000, 4000, **PYTHON), "hot header"),
    "instances made and freed": (
        lambda step: row(NAME, contributions={1: 50 + step % 2}, **PYTHON),
        "balanced",
    ),
    "instances freed by another thread": (
        lambda step: row(NAME, local=900, contributions={1: 9 * step, 2: -9 * step}, **PYTHON),
        "",
    ),
    "instances kept, or garbage": (both(0, 40, **PYTHON), "growing"),
    "twice given back": (both(-80, 40, **HEADER), "over-decref"),
    "below zero": (both(0, local=-7, **HEADER), "over-decref"),
    "no id": (both(-3, unique_id=0), "no unique id"),
    "immortal": (both(0, unique_id=0, state="immortal"), "immortal"),
    "never used": (both(0, **PYTHON), ""),
    "instances kept, as the heap shows": (both(0, 40, **PYTHON), "kept"),
    "instances that name their class": (both(0, 40, **PYTHON), "kept"),
    "a list of the class": (both(0, 40, **PYTHON), "growing"),
    "references that a few instances do not explain": (both(0, 40, **PYTHON), "growing"),
    "instances that grow are not balanced": (
        lambda step: row(NAME, contributions={1: 50 + step % 2}, **PYTHON),
        "",
    ),
}

INSTANCES = {
    "instances kept, as the heap shows": 40,
    "instances that name their class": 20,
    "a list of the class": 0,
    "references that a few instances do not explain": 3,
    "instances that grow are not balanced": 40,
}
"""Instances that come with each step, where the heap is read."""

HEAPS = (0, 2, 5)
"""Steps at which it is."""


def readings(case: str, *, gil: bool) -> list[Snapshot]:
    at, _ = CASES[case]
    target = snapshot().target._replace(gil_enabled=gil)
    threads = interpreter((1, "main"), (2, "worker"))
    found = []
    for step in range(6):
        whole = snapshot(at(step), target=target, interpreters=(threads,), taken_ns=step * SECOND)
        if case in INSTANCES and step in HEAPS:
            whole = whole._replace(heap=heap(step, use(NAME, 100 + step * INSTANCES[case])))
        found.append(whole)
    return found


@pytest.mark.parametrize("gil", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_all_that_show_readings_agree(case: str, gil: bool) -> None:  # noqa: FBT001 - a value
    at, verdict = CASES[case]
    whole = history(*readings(case, gil=gil))
    each = at(5)
    judged = whole.verdict(each)
    said: dict[str, Any] = {"verdict": None, "advice": None} if judged is None else judged.as_dict()
    assert (said["verdict"] or "") == verdict
    said["evidence"] = whole.evidence(each).as_dict()
    if gil and judged is not None:
        assert "contend for it" not in judged.advice.replace("no thread contends for it", "")

    state = State(size=Size(200, 40))
    for reading in readings(case, gil=gil):
        state = clamp_scroll(add_snapshot(state, reading))
    (document,) = json.loads(export_text(state, "x.json"))["objects"]
    ranked = json.loads(json.dumps(RankedObject(each, whole.evidence).as_dict()))
    for found in (document, ranked):
        assert {key: found[key] for key in said} == said
        assert (found["updates_per_second"], found["threads"]) == (
            whole.updates(each),
            whole.threads(each),
        )
    assert next(line for line in lines(state) if NAME in line).rstrip().endswith(verdict)
    details = " ".join("\n".join(lines(press_key(state, "enter"))).split())
    assert f"verdict {verdict or 'none'}" in details


@pytest.mark.parametrize("case", CASES)
def test_one_reading_says_the_same_or_nothing(case: str) -> None:
    at, verdict = CASES[case]
    found = make_judged_document(at(5), gil_enabled=False)
    assert found["verdict"] in {None, verdict}
    if case in INSTANCES:
        return
    whole = replace(anatomy(at(5)), gil_enabled=False).as_dict()
    assert whole["verdict"] == found["verdict"]
    if found["verdict"]:
        assert (whole["evidence"], whole["advice"]) == (found["evidence"], found["advice"])
