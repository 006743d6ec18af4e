from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from inspector.screen.dashboard.keys import BINDINGS, is_applicable, press_key
from inspector.screen.dashboard.state import Size, State, add_snapshot
from inspector.screen.dashboard.table import table_lines
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from inspector.screen.dashboard.watch_options import BOARD_SORTS
from inspector.screen.text import GIL_ON
from inspector.snapshots.header_samples import HeaderSamples
from tests.screen.boards import board, lines, reading
from tests.screen.builder import anatomy, row, snapshot, unread

SIZES = [(60, 12), (80, 24), (120, 30), (200, 50), (30, 5), (1, 1)]
HOSTILE = (
    "app.\x1b[2J\x1b]0;owned\x07",
    "app.[bold red]markup[/]",
    "app.\u202ereversed\n\r\x00",
    "app." + "x" * 1_000_000,
    "app.\udcff\ud800",
    "app.日本語クラス",
    "",
)


@pytest.mark.parametrize("mode", ["table", "threads", "details", "type", "help", "output"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screen_is_filled_and_nothing_is_wider(width: int, height: int, mode: str) -> None:
    state = board(width, height, output=("a line " * 40,) * 60)
    state = replace(state, threads=True) if mode == "threads" else state
    if mode in {"help", "output"}:
        state = replace(state, mode=mode)
    if mode in {"details", "type"}:
        state = press_key(state, "enter")
    if mode == "type":
        state = with_anatomy(state)
    drawn = lines(state)
    assert len(drawn) == height
    assert all(cell_len(line) <= width for line in drawn)


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("sort", BOARD_SORTS)
def test_no_number_loses_its_end_on_any_terminal_that_is_worth_it(
    *, sort: str, threads: bool
) -> None:
    crowd = [(100 + number, f"worker-{number}") for number in range(64)]
    large = row(
        "app." + "x" * 50, local=10**9, contributions=dict.fromkeys(range(100, 164), -(10**12))
    )
    state = add_snapshot(State(threads=threads, sort=sort), reading(1, large, threads=crowd))
    for width in range(60, 240):
        table = table_lines(replace(state, size=Size(width, 12), cursor=-1))
        assert max(line.cell_len for line in table) <= width


def test_what_does_not_fit_is_seen_to_be_cut() -> None:
    assert lines(board(24, 12, threads=True))[4].endswith("…")
    assert lines(board(60, 12, output=("x" * 70,), mode="output"))[2] == "x" * 59 + "…"


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_colour_says_nothing_that_the_text_does_not(width: int, color: bool) -> None:  # noqa: FBT001
    state = clamp_scroll(board(width, 24))
    stream = StringIO()
    console = Console(
        file=stream, width=width, force_terminal=color, color_system="truecolor" if color else None
    )
    for line in screen_lines(state):
        console.print(line, no_wrap=True, crop=False, overflow="ignore")
    assert ("\x1b[" in stream.getvalue()) == color
    assert re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()).splitlines() == lines(state)


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (60, "TYPE TOTAL /s THREADS VERDICT"),
        (80, "TYPE TOTAL /s SHARED THREADS UPDATES/s VERDICT"),
        (100, "TYPE TOTAL /s LOCAL SHARED THREADS TREND UPDATES/s VERDICT"),
        (130, "TYPE TOTAL /s LOCAL SHARED THREADS BY THREAD TREND UPDATES/s USED BY VERDICT"),
        (
            200,
            "TOTAL GROWTH SHARED THREADS STACK BY THREAD TREND UPDATES/s USED BY MOVED IN VERDICT",
        ),
    ],
)
def test_the_columns_that_matter_survive(width: int, heads: str) -> None:
    drawn = next(line for line in lines(board(width)) if "TOTAL" in line).split()
    assert [head for head in drawn if head in heads.split()] == heads.split()


def test_a_growing_type_is_told_with_its_rate_growth_and_parts() -> None:
    order = next(line for line in lines(board(200)) if "app.Order" in line).split()
    assert order[1:8] == ["452", "+90", "+450", "2", "0", "+450", "?"]
    assert order[-1] == "growing"
    match = next(line for line in lines(board(200)) if "re.Match" in line)
    # Readings are no samples: what share of these it would move in is not known.
    assert match.split()[-5:] == ["≥7", "1", "?", "plain", "decref"]


def test_the_heading_tells_what_is_watched_and_how() -> None:
    first, second, *_ = lines(board(200))
    assert "pid 4242 · app/server.py · 3.14.7 GIL off · 3 threads · exact · every 1 s" in first
    assert "ids 4,812 of 8,192 · types 4 · gc 3" in second
    assert "pause 54 µs" in second


def test_bars_stand_above_zero_and_hang_below() -> None:
    order = next(line for line in lines(board(200)) if "app.Order" in line)
    assert "█▔·" in order
    ascii_only = lines(board(200, unicode=False))
    assert "8-." in next(line for line in ascii_only if "app.Order" in line)


def test_each_thread_has_a_column_and_the_rest_is_summed_up() -> None:
    crowd = [(100 + number, f"worker-{number}") for number in range(64)]
    order = row("app.Order", contributions={100 + number: number + 1 for number in range(64)})
    state = State(size=Size(100, 20), threads=True)
    state = clamp_scroll(add_snapshot(state, reading(1, order, threads=crowd)))
    names, heads, line, *_ = lines(state)[3:]
    shown = names.split()
    assert shown[-1] == "others"
    assert heads.split()[-2:] == [str(64 - (len(shown) - 1)), "threads"]
    numbers = [int(each.replace(",", "")) for each in line.split()[-len(shown) :]]
    assert sum(numbers) == order.contributed


def test_details_write_the_formula_out_with_its_numbers() -> None:
    text = "\n".join(lines(press_key(board(100, 40), "enter")))
    assert re.search(r"^  local +2 ", text, re.MULTILINE)
    assert re.search(r"^\+ threads +450 ", text, re.MULTILINE)
    assert re.search(r"^= total +452 ", text, re.MULTILINE)
    assert re.search(r"^MainThread +4242 +\+500 ", text, re.MULTILINE)
    assert re.search(r"^worker-1 +4243 +-50 ", text, re.MULTILINE)


def test_details_of_a_type_are_all_that_is_known_of_it() -> None:
    text = "\n".join(lines(with_anatomy(press_key(board(120, 60), "enter"))))
    for words in (
        "ob_ref_shared",
        "HEAPTYPE BASETYPE",
        "app.Order, builtins.object",
        "unique id 7",
    ):
        assert words in text
    assert "local + shared - bias + contributions" in text
    assert re.search(r"^ *growth +", text, re.MULTILINE)
    assert re.search(r"^worker-1 +4243 +-50 ", text, re.MULTILINE)


def test_details_say_of_what_the_share_is() -> None:
    state = press_key(replace(board(160, 60), cursor=3), "enter")
    text = "\n".join(lines(state))
    assert "≥7 updates per second, used by 1 thread at a time" in text
    assert "moved between 5 of 5 readings; no samples" in text
    match = state.subject_row
    assert match is not None
    sampled = HeaderSamples({match.key: 0}, [50], 200, seconds=1.0)
    text = "\n".join(lines(clamp_scroll(add_snapshot(state, reading(6), sampled))))
    assert "≥50 updates per second" in text
    assert "moved in 25.0% of 200 samples (95 %: 19.5% to 31.4%)" in text


def test_a_gil_that_is_on_is_said_above_the_table() -> None:
    whole = reading(0)
    serial = whole._replace(target=whole.target._replace(gil_enabled=True))
    state = clamp_scroll(add_snapshot(State(size=Size(80, 24)), serial))
    assert lines(state)[1] == GIL_ON
    assert lines(replace(state, ended="it ended"))[1:4:2] == [
        GIL_ON,
        "it ended: this is the last reading",
    ]
    low = lines(replace(state, size=Size(80, 12)))
    assert GIL_ON not in low
    assert "GIL on" in low[0]


def with_anatomy(state: State) -> State:
    """Return the state with the type of its details in full."""
    assert state.subject_row is not None
    return replace(state, anatomy=anatomy(state.subject_row))


def test_details_of_an_object_that_is_gone_stay_and_say_so() -> None:
    state = press_key(board(100, 40), "enter")
    state = clamp_scroll(add_snapshot(state, reading(9, row("app.Other", local=1))))
    text = "\n".join(lines(state))
    assert "app.Order" in text
    assert "it is gone" in text


def test_help_tells_every_key_that_does_something() -> None:
    state = replace(board(120, 60), mode="help")
    text = "\n".join(lines(state))
    told = [each for each in BINDINGS if is_applicable(each, state)]
    assert len(told) > 30
    for each in told:
        assert each.shown in text
        assert each.text in text


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("key", ["", "enter", "t"])
def test_hostile_names_are_shown_harmlessly_everywhere(name: str, key: str) -> None:
    hostile = snapshot(row(name, local=3, contributions={4242: 7}))
    hostile = hostile._replace(target=hostile.target._replace(command=name[:2000]))
    state = clamp_scroll(add_snapshot(State(size=Size(100, 30), filter=""), hostile))
    drawn = lines(press_key(state, key) if key else state)
    assert all(line.isprintable() and cell_len(line) <= 100 for line in drawn)
    assert not any("\x1b" in line or "owned\x07" in line for line in drawn)
    if name and key == "":
        assert any("app." in line for line in drawn[3:])


def test_what_could_not_be_told_is_a_question_mark() -> None:
    state = clamp_scroll(add_snapshot(State(size=Size(200, 20)), snapshot(unread("app.Gone"))))
    line = next(line for line in lines(state) if "app.Gone" in line)
    assert line.split()[1:8] == ["?"] * 7


def test_no_reading_and_no_row_are_drawn_too() -> None:
    assert "no reading yet" in lines(State())[0]
    state = clamp_scroll(add_snapshot(State(), snapshot()))
    assert "nothing to show" in lines(state)[-1]
