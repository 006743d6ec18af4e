from __future__ import annotations

import pytest

from inspector.screen.selection import SORTS, Selection, select_rows
from tests.screen.builder import row, snapshot, unread

ROWS = (
    row("app.Order", local=5, shared=10, contributions={1: 100}),
    row("collections.deque", local=57, shared=-98_113, contributions={1: 50_000, 2: 48_500}),
    row("deque", local=1, shared=1),
    row("myapp.Order", local=900, deferred=3),
    row("app.Order.Line", shared=3, contributions={2: -1}),
    unread("app.Gone"),
)


def names(**selection: object) -> list[str]:
    return [each.name for each in select_rows(snapshot(*ROWS), Selection(**selection)).snapshot]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("total", "myapp.Order"),
        ("local", "myapp.Order"),
        ("shared", "collections.deque"),
        ("contributions", "collections.deque"),
        ("deferred", "myapp.Order"),
        ("name", "app.Gone"),
    ],
)
def test_each_sort_puts_the_largest_first_whatever_its_sign(sort: str, first: str) -> None:
    assert names(sort=sort)[0] == first


def test_every_sort_is_tested_above() -> None:
    assert set(SORTS) == {"total", "local", "shared", "contributions", "deferred", "name"}


@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort not in {"name", "deferred"}])
def test_a_row_without_the_value_comes_last(sort: str) -> None:
    assert names(sort=sort)[-1] == "app.Gone"


def test_rows_of_one_value_are_in_the_order_of_their_names() -> None:
    rows = [row(name, local=1) for name in ("b", "c", "a")]
    chosen = select_rows(snapshot(*rows), Selection()).snapshot
    assert [each.name for each in chosen] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("app.*",), {"app.Order", "app.Order.Line", "app.Gone"}),
        (("Order",), {"app.Order", "myapp.Order"}),
        (("deque",), {"collections.deque", "deque"}),
        (("*deque", "*.Line"), {"collections.deque", "deque", "app.Order.Line"}),
        (("order",), set()),
        (("*.[GL]*",), {"app.Gone", "app.Order.Line"}),
    ],
)
def test_a_pattern_is_for_the_whole_name_or_without_a_dot_for_its_last_part(
    filters: tuple[str, ...], found: set[str]
) -> None:
    assert set(names(filters=filters)) == found


def test_a_limit_overrules_the_room_and_zero_means_all() -> None:
    whole = snapshot(*ROWS)
    assert len(select_rows(whole, Selection(), room=2).snapshot) == 2
    assert len(select_rows(whole, Selection(limit=3), room=2).snapshot) == 3
    assert len(select_rows(whole, Selection(limit=0), room=2).snapshot) == len(ROWS)


def test_what_is_not_shown_is_counted() -> None:
    selected = select_rows(snapshot(*ROWS), Selection(filters=("app.*",), limit=1))
    assert (len(selected.snapshot), selected.matching, selected.all) == (1, 3, len(ROWS))


def test_all_but_the_rows_stays_as_it_was() -> None:
    whole = snapshot(*ROWS)
    chosen = select_rows(whole, Selection(limit=1)).snapshot
    assert chosen.as_dict() | {"objects": []} == whole.as_dict() | {"objects": []}
