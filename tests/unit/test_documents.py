from __future__ import annotations

import json
from typing import Any

import pytest

from inspector.snapshots.documents import PARSE_ERRORS, parse_snapshot
from tests.screen.builder import heap, history, row, snapshot, use

ODD = [None, True, -1, 1 << 70, 1e999, float("nan"), "x", "\ud800", [], [1, 2, 3], {}, {"a": "b"}]


def document() -> dict[str, Any]:
    """Return the document of a small snapshot, as JSON has it."""
    rows = [row("app.Order", local=3, contributions={4242: 1}, deferred=1, stacks={1: 1})]
    whole = snapshot(*rows, heap=heap(1, use("app.Order", 7, attached=8)))
    made: dict[str, Any] = json.loads(json.dumps(whole.as_dict()))
    return made


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the path to everything in a document."""
    inside = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inside = enumerate(value)  # type: ignore[assignment]
    return [path, *(each for key, item in inside for each in places(item, (*path, key)))]


@pytest.mark.parametrize("path", places(document())[1:], ids=lambda path: ".".join(map(str, path)))
def test_what_cannot_stand_in_its_place_is_refused_or_a_value_of_the_right_kind(
    path: tuple[Any, ...],
) -> None:
    for odd in ODD:
        made = document()
        place: Any = made
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = odd
        try:
            found = parse_snapshot(made)
        except PARSE_ERRORS:
            continue
        # Whatever is done with a snapshot works with this one.
        for each in found:
            assert isinstance(each.total, int | None)
            assert isinstance(each.contributed, int | None)
            assert isinstance(each.name, str)
        json.dumps(found.as_dict())
        assert isinstance(found.taken_ns, int)
        for kept in found.heap.types if found.heap else ():
            assert isinstance(kept.size, int)
            assert isinstance(kept.name, str)
        history(found).verdict(next(iter(found), row("app.Other")))
