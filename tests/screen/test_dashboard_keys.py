from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from inspector.screen.dashboard.key_codes import decode_keys
from inspector.screen.dashboard.keys import BINDINGS, is_applicable, press_key
from inspector.screen.dashboard.state import Playing, add_snapshot, row_at
from inspector.screen.dashboard.view import clamp_scroll
from inspector.screen.dashboard.watch_options import BOARD_SORTS
from inspector.snapshots.snapshot import ObjectCount
from tests.screen.boards import board, lines, reading
from tests.screen.builder import row

if TYPE_CHECKING:
    from inspector.screen.dashboard.state import State


def pressed(state: State, *keys: str) -> State:
    for key in keys:
        state = clamp_scroll(press_key(state, key))
    return state


def names(state: State) -> list[str]:
    rows = [row_at(state, place) for place in range(len(state.order))]
    return [each.name for each in rows if isinstance(each, ObjectCount)]


def many(rows: int, height: int = 20) -> State:
    whole = [
        row(f"app.T{number:03}", local=1000 - number, address=number) for number in range(rows)
    ]
    return clamp_scroll(add_snapshot(board(100, height, readings=0), reading(1, *whole)))


@pytest.mark.parametrize(
    "state", [board(), board(playing=Playing(0, 9)), board(output=(), inside=True)]
)
def test_no_key_does_two_things(state: State) -> None:
    keys = [key for each in BINDINGS if is_applicable(each, state) for key in each.keys]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("key", "sort", "first"),
    [
        ("T", "total", "app.Order"),
        ("R", "rate", "app.Order"),
        ("G", "growth", "app.Order"),
        ("L", "local", "app.views.Line"),
        ("A", "shared", "re.Match"),
        ("C", "contributions", "app.Order"),
        ("H", "updates", "re.Match"),
        ("N", "name", "app.Order"),
    ],
)
def test_a_letter_sorts_by_its_column(key: str, sort: str, first: str) -> None:
    state = pressed(board(), key)
    assert state.sort == sort
    assert names(state)[0] == first


def test_s_goes_through_every_sort_and_back() -> None:
    state = board()
    seen = []
    for _ in BOARD_SORTS:
        state = pressed(state, "s")
        seen.append(state.sort)
    assert sorted(seen) == sorted(BOARD_SORTS)
    assert pressed(state, "s", "S").sort == state.sort


def test_i_turns_the_order_around() -> None:
    assert names(pressed(board(), "i")) == names(board())[::-1]
    assert names(pressed(board(), "N", "i")) == names(pressed(board(), "N"))[::-1]


def test_a_filter_works_as_it_is_typed() -> None:
    state = pressed(board(), "/", "a", "p")
    assert names(state) == ["app.Order", "app.views.Line"]
    state = pressed(state, "p", ".", "v")
    assert names(state) == ["app.views.Line"]
    assert "filter: app.v" in lines(state)[-1]
    assert names(pressed(state, "enter")) == ["app.views.Line"]
    assert len(names(pressed(state, "enter", "c"))) == 4
    assert len(names(pressed(state, "escape"))) == 4
    assert names(pressed(state, "backspace", "backspace")) == ["app.Order", "app.views.Line"]


def test_a_filter_with_a_star_is_a_pattern() -> None:
    assert names(pressed(board(), "/", *"*.Line", "enter")) == ["app.views.Line"]
    assert names(pressed(board(), "/", *"ORDER", "enter")) == ["app.Order"]


def test_keys_are_letters_while_a_filter_is_typed() -> None:
    state = pressed(board(), "/", "q", "t", "c")
    assert state.filter == "qtc"
    assert not state.leaving
    assert names(state) == []


def test_the_cursor_moves_and_stays_on_the_screen() -> None:
    state = many(100)
    assert pressed(state, "down", "j", "k").cursor == 1
    assert pressed(state, "up").cursor == 0
    last = pressed(state, "end")
    assert last.cursor == 99
    assert "app.T099" in lines(last)[-2]
    paged = pressed(state, "pagedown")
    assert paged.top <= paged.cursor < 100
    assert pressed(paged, "pageup").cursor == 0
    assert pressed(last, "home").top == 0


def test_enter_shows_the_row_under_the_cursor_and_escape_goes_back() -> None:
    state = pressed(many(30), "down", "down", "enter")
    assert state.mode == "details"
    assert "app.T002" in lines(state)[3]
    assert pressed(state, "escape").mode == "table"
    assert pressed(state, "escape").cursor == 2


def test_details_stay_with_their_object_when_the_order_changes() -> None:
    state = pressed(board(readings=2), "enter")
    later = reading(9, row("app.Order", local=1), row("app.views.Line", local=900))
    state = clamp_scroll(add_snapshot(state, later))
    assert "app.Order" in lines(state)[3]


def test_details_and_help_do_not_scroll_past_their_ends() -> None:
    state = pressed(board(100, 12), "h", *["pagedown"] * 50)
    bottom = lines(state)
    assert lines(pressed(state, "up")) != bottom
    assert pressed(state, *["pageup"] * 60).scroll == 0


def test_space_pauses_and_goes_on() -> None:
    assert pressed(board(), " ").paused
    assert not pressed(board(), "p", " ").paused
    assert "paused" in "\n".join(lines(pressed(board(), " ")))


def test_r_makes_this_the_baseline() -> None:
    state = pressed(board(), "r")
    history = state.history
    assert history is not None
    assert history.growth(history.latest["app.Order"]) == 0


def test_plus_and_minus_change_the_interval_within_bounds() -> None:
    state = board(interval=1.0)
    assert pressed(state, "+").interval == 2
    assert pressed(state, "-").interval == 0.5
    assert pressed(state, *["-"] * 30).interval == 0.1
    assert pressed(state, *["+"] * 30).interval == 60


def test_a_kind_of_its_own_has_a_history_of_its_own() -> None:
    state = pressed(board(), "2")
    assert (state.kind, state.history) == ("code", None)
    assert pressed(board(), "1").history is not None
    assert pressed(replace(board(), ended="it ended"), "2").kind == "type"


def test_e_asks_for_a_file_and_writes_it_when_told() -> None:
    state = pressed(board(), "e")
    assert "export to: inspector-4242.svg" in lines(state)[-1]
    assert pressed(state, "ctrl-u", *"x.md", "enter").export == "x.md"
    assert pressed(state, "escape").export == ""


def test_steps_and_seeks_stay_inside_the_recording() -> None:
    state = replace(board(), playing=Playing(5, 30))

    def number(*keys: str) -> int:
        playing = pressed(state, *keys).playing
        assert playing is not None
        return playing.number

    assert [number("]"), number("["), number("}"), number("{")] == [6, 4, 15, 0]
    assert [number(")"), number("("), number("}", "}", "}", "}")] == [29, 0, 29]
    assert pressed(state, "]").paused
    faster = pressed(state, ">").playing
    assert faster is not None
    assert faster.speed == 2


def test_threads_scroll_sideways_as_far_as_there_are_any() -> None:
    state = pressed(board(), "t", "right", "right", "right", "right")
    assert state.first_thread == 2
    assert pressed(state, *["left"] * 5).first_thread == 0


@pytest.mark.parametrize("state", [board(60, 12), board(readings=0), many(3)])
def test_no_key_breaks_anything(state: State) -> None:
    for binding in BINDINGS:
        for key in binding.keys:
            assert len(lines(pressed(state, key))) == state.size.height
            lines(pressed(replace(state, playing=Playing(0, 3)), key, "down", "escape"))


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1bOB\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["pageup", "pagedown", "home", "end"]),
        (b"\r\n\x7f\x03\x1a\x0c", ["enter", "enter", "backspace", "ctrl-c", "ctrl-z", "ctrl-l"]),
        ("é日".encode(), ["é", "日"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[<0;12;9M\x1b[99~x", ["x"]),
        (b"\xff\xfeq", ["q"]),
    ],
)
def test_bytes_are_keys(data: bytes, keys: list[str]) -> None:
    assert decode_keys(data) == (keys, b"")


@pytest.mark.parametrize("data", [b"\x1b[5~q", "aé日\x1b[A".encode(), b"\x1bOA\x1b[1;5C."])
def test_keys_survive_being_torn_anywhere(data: bytes) -> None:
    whole, _ = decode_keys(data)
    for cut in range(len(data)):
        first, rest = decode_keys(data[:cut], more=True)
        second, rest = decode_keys(rest + data[cut:], more=True)
        assert [*first, *second, *decode_keys(rest)[0]] == whole
