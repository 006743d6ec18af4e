"""The page of the heap in the dashboard, and the columns that come from it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from inspector.screen.dashboard.keys import press_key
from inspector.screen.dashboard.state import Size, State, add_snapshot, row_at
from inspector.screen.dashboard.view import clamp_scroll
from inspector.screen.export import export_text
from tests.screen.boards import board, lines
from tests.screen.builder import SECOND, heap, row, snapshot, use

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import Snapshot


def reading(second: int, *, with_heap: bool = True) -> Snapshot:
    """Return a reading of some second; a dictionary comes with every step."""
    whole = snapshot(
        row("app.Order", local=9 * second), row("app.Line", local=30), taken_ns=second * SECOND
    )
    if not with_heap:
        return whole
    kept = use("builtins.dict", 1000 * second, attached=200_000 * second)
    some = use("app.Order", 9 * second, low=8)
    return whole._replace(heap=heap(second, kept, some, exact=False, rss=second << 20))


def watched(width: int = 140, **fields: object) -> State:
    """Return the state after readings of which some have the heap."""
    state = replace(State(size=Size(width, 20)), **fields)  # type: ignore[arg-type]
    for second in range(1, 8):
        state = clamp_scroll(add_snapshot(state, reading(second, with_heap=second % 2 == 1)))
    return clamp_scroll(add_snapshot(state, reading(9, with_heap=False)))


def test_the_page_shows_every_type_its_growth_and_when_the_heap_was_read() -> None:
    shown = lines(press_key(watched(), "m"))
    told = next(line for line in shown if line.startswith("heap read at "))
    assert "2 s before, while it ran · 7,063 objects in 1.6MB · RSS 7.3MB (+6.3MB)" in told
    head = next(line for line in shown if line.startswith("TYPE")).split()
    kept = next(line for line in shown if line.startswith("builtins.dict")).split()
    row = dict(zip(head[1:], kept[1:], strict=False))
    assert row["INSTANCES"] == "7,000"
    assert (row["GROWTH"], row["/s"]) == ("+6,000", "+1.0k")
    assert (row["BYTES"], row["ATTACHED"], row["+BYTES"]) == ("224kB", "1.4MB", "+1.4MB")
    assert kept[-1] == "▁▃▆█"
    assert any(line.startswith("app.Order") and "~63" in line for line in shown)


@pytest.mark.parametrize("width", [40, 60, 80, 140, 200])
def test_no_line_of_the_page_is_wider_than_the_screen(width: int) -> None:
    for line in lines(press_key(watched(width), "m")):
        assert cell_len(line) <= width


def test_the_page_is_filtered_and_sorted_as_the_table_is() -> None:
    def names(state: State) -> list[str]:
        return [line.split()[0] for line in lines(state) if "." in line.split(" ")[0]]

    state = press_key(watched(), "m")
    assert names(state) == ["builtins.dict", "app.Order"]
    assert names(press_key(state, "N")) == ["app.Order", "builtins.dict"]
    assert names(press_key(press_key(state, "I"), "i")) == ["app.Order", "builtins.dict"]
    assert names(replace(state, filter="dict")) == ["builtins.dict"]
    assert press_key(state, "escape").mode == "table"


def test_the_heads_stay_when_rows_are_scrolled() -> None:
    types = [use(f"app.T{number:03}", 1000 - number) for number in range(100)]
    whole = snapshot(row("app.Order"), heap=heap(1, *types))
    state = press_key(clamp_scroll(add_snapshot(State(size=Size(100, 20)), whole)), "m")
    shown = lines(state)
    rows = [line.split()[0] for line in shown if line.startswith("app.")]
    assert rows == [f"app.T{number:03}" for number in range(len(rows))]
    further = lines(press_key(state, "down"))
    assert [line.split()[0] for line in further if line.startswith("app.")] == [
        f"app.T{number + 1:03}" for number in range(len(rows))
    ]
    assert further[:5][-2:] == shown[:5][-2:]
    last = clamp_scroll(press_key(state, "end"))
    assert any(line.startswith("app.T099") for line in lines(last))
    assert any(line.startswith("TYPE ") for line in lines(last))


def test_the_table_has_instances_where_the_heap_was_read() -> None:
    plain = lines(board(200))
    assert not any("INSTANCES" in line for line in plain)
    shown = lines(watched(200))
    assert "heap 00:00:07" in shown[1]
    head = next(line for line in shown if line.startswith("TYPE")).split()
    assert head[-3:-1] == ["INSTANCES", "BYTES"]
    assert any(line.startswith("app.Order") and "~63" in line for line in shown)
    by_instances = press_key(watched(), "I")
    first = row_at(by_instances, 0)
    assert first is not None
    assert first.name == "app.Order"


def test_the_details_of_a_type_have_its_instances_over_time() -> None:
    state = press_key(press_key(watched(), "I"), "enter")
    shown = "\n".join(lines(replace(state, size=Size(140, 60))))
    assert "▁▃▆█  ~63 in 2.0kB, +54, read at 00:00:07" in shown


def test_a_heap_that_cannot_be_read_is_said_with_its_reason() -> None:
    unread = reading(1, with_heap=False)._replace(why_no_heap="mi_page_t is not unique")
    state = add_snapshot(State(size=Size(120, 20)), unread)
    assert "the heap was not read: mi_page_t is not unique" in lines(press_key(state, "m"))
    never = "the heap was not read: not yet, or not at all with --no-instances"
    assert never in lines(press_key(board(), "m"))


def test_exports_have_instances_and_all_types_of_the_heap() -> None:
    state = watched()
    document = json.loads(export_text(state, "x.json"))
    order = next(each for each in document["objects"] if each["name"] == "app.Order")
    assert (order["instances"], order["bytes"], order["attached"]) == (63, 63 * 32, None)
    assert {each["name"] for each in document["heap"]["types"]} == {"builtins.dict", "app.Order"}
    rows = {each["name"]: each for each in csv.DictReader(StringIO(export_text(state, "x.csv")))}
    assert (rows["app.Order"]["instances"], rows["app.Line"]["instances"]) == ("63", "0")
