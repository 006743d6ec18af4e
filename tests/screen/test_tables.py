from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from inspector.screen.selection import Selection, select_rows
from inspector.screen.tables import type_table, write_caption, write_heading
from inspector.screen.text import GIL_ON
from tests.screen.builder import heap, interpreter, row, snapshot, unread, use

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import Snapshot

ORDER = row("app.Order", local=12, shared=0, contributions={4242: 52_000, 4243: 298})
DEQUE = row(
    "collections.deque", local=57, shared=-98_113, contributions={4242: 50_000, 4243: 49_260}
)
LONG = row("service.handlers.checkout.v2.payments.CreditCardAuthorisationRequest", local=3)
ROWS = (ORDER, DEQUE, LONG)


def drawn(
    whole: Snapshot, width: int, *, threads: bool = False, color: bool = False, limit: int = 0
) -> str:
    stream = StringIO()
    console = Console(
        file=stream, width=width, force_terminal=color, color_system="truecolor" if color else None
    )
    selected = select_rows(whole, Selection(limit=limit))
    console.print(write_heading(whole))
    console.print(type_table(selected, width, threads=threads))
    console.print(write_caption(selected, "total"))
    return stream.getvalue()


def head_of(text: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith("TYPE")).split()


def line_of(text: str, start: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(start)).split()


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int, color: bool) -> None:  # noqa: FBT001
    for threads in (False, True):
        text = drawn(snapshot(*ROWS), width, threads=threads, color=color)
        for line in text.splitlines():
            assert cell_len(re.sub(r"\x1b\[[\d;]*m", "", line)) <= width


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_parts_of_the_total_are_there_at_every_width(width: int) -> None:
    text = drawn(snapshot(*ROWS), width)
    assert {"TYPE", "TOTAL", "LOCAL", "SHARED", "THREADS"} <= set(head_of(text))
    numbers = line_of(text, "app.Order")[1:]
    assert numbers[0] == "52,310"
    assert "52,298" in numbers


def test_getrefcount_stands_beside_the_total_from_80_cells_on() -> None:
    assert "GETREFCOUNT" not in head_of(drawn(snapshot(*ROWS), 60))
    for width in (80, 120, 200):
        text = drawn(snapshot(*ROWS), width)
        assert head_of(text)[1:3] == ["TOTAL", "GETREFCOUNT"]
        assert line_of(text, "app.Order")[1:3] == ["52,310", str(12 + ORDER.bias)]


def test_a_wide_terminal_has_every_column_in_order() -> None:
    assert head_of(drawn(snapshot(*ROWS), 200)) == [
        *("TYPE", "TOTAL", "GETREFCOUNT", "LOCAL", "SHARED", "THREADS"),
        *("STACK", "STATE", "ID", "ADDRESS"),
    ]


def test_a_column_of_interpreters_comes_with_a_second_one() -> None:
    both = (interpreter((1, "MainThread")), interpreter(number=1, exact=False))
    text = drawn(snapshot(*ROWS, interpreters=both, exact=False), 200)
    assert "INTERPRETER" in head_of(text)
    assert "interpreter 0: exact, paused for 54 µs" in text
    assert "interpreter 1: read while it ran" in text


def test_a_long_name_is_cut_in_its_middle_and_only_where_it_must_be() -> None:
    assert LONG.name in drawn(snapshot(*ROWS), 200)
    narrow = drawn(snapshot(*ROWS), 60)
    assert re.search(r"^service[\w.]*….*Request ", narrow, re.MULTILINE)


def test_huge_numbers_leave_out_columns_before_the_total() -> None:
    big = row("app.Order", local=10**9, shared=-(10**18), contributions={1: 10**18})
    assert head_of(drawn(snapshot(big), 40))[:2] == ["TYPE", "TOTAL"]


def test_the_bias_is_in_no_number_but_getrefcount() -> None:
    text = drawn(snapshot(DEQUE), 80)
    assert line_of(text, "collections.deque") == [
        *("collections.deque", "1,204", str(57 - 98_113 + DEQUE.bias)),
        *("57", "-98,113", "99,260", "?"),
    ]


def test_what_is_unknown_is_a_question_mark() -> None:
    text = drawn(snapshot(unread("app.Gone")), 200)
    assert line_of(text, "app.Gone")[1:7] == ["?"] * 6


def test_a_known_stack_is_part_of_the_formula() -> None:
    text = drawn(snapshot(row("app.Order", local=2, deferred=4)), 80)
    assert line_of(text, "app.Order")[1] == "6"
    assert "LOCAL + SHARED + THREADS + STACK" in text
    assert "STACK was not read" in drawn(snapshot(ORDER), 80)


@pytest.mark.parametrize(
    ("bounds", "cell"), [(None, "~12"), ((12, 12), "~12"), ((11, 14), "~11..14")]
)
def test_a_row_that_moved_is_marked(bounds: tuple[int, int] | None, cell: str) -> None:
    moving = row("app.Order", local=12, settled=False, bounds=bounds)
    text = drawn(snapshot(moving), 80)
    assert line_of(text, "app.Order")[1] == cell
    assert "~ moved while it was read" in text
    assert "~" not in drawn(snapshot(ORDER), 80)


def crowd(threads: int) -> Snapshot:
    contributions = {100 + number: 10 * (number + 1) for number in range(threads)}
    return snapshot(
        row("app.Order", local=1, contributions=contributions),
        row("app.Line", local=1, contributions={100: -5_000}),
        interpreters=(interpreter(*((100 + n, f"worker-{n}") for n in range(threads))),),
    )


def test_each_thread_has_a_column_with_its_name_and_id() -> None:
    text = drawn(crowd(3), 120, threads=True)
    names = next(line for line in text.splitlines() if "worker" in line)
    head = head_of(text)
    assert names.split() == ["worker-0", "worker-2", "worker-1"]
    start = head.index("100")
    assert head[start : start + 3] == ["100", "102", "101"]
    assert line_of(text, "app.Line")[start : start + 3] == ["-5,000", "0", "0"]
    assert "others" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_of_many_threads_the_busiest_fit_and_the_rest_is_summed_up(width: int) -> None:
    text = drawn(crowd(64), width, threads=True)
    lines = text.splitlines()
    names = next(line for line in lines if "others" in line).split()
    shown = len(names) - 1
    assert names[0] == "worker-0"  # it dropped 5,000
    assert f"{64 - shown} threads" in text
    numbers = [int(each.replace(",", "")) for each in line_of(text, "app.Order")[1:]]
    head = head_of(text)
    first = head.index("100")
    assert sum(numbers[first - 1 : first + shown]) == numbers[head.index("THREADS") - 1]


HOSTILE = {
    "escape": "evil\x1b]0;title\x07\x1b[2J",
    "markup": "[red]evil[/red][link=file:///x]",
    "lines": "evil\n\r\ttype",
    "reordering": "evil\u202e\u2066",
    "surrogate": "evil\udcff",
    "wide": "evil型" * 40,
    "huge": "evil" * 250_000,
    "emoji": "evil:smile:",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("width", [60, 200])
def test_a_hostile_name_stays_in_its_cell(name: str, width: int) -> None:
    whole = snapshot(
        row(name, local=1, contributions={9: 4}), interpreters=(interpreter((9, name)),)
    )
    stream = StringIO()
    table = type_table(select_rows(whole, Selection()), width, threads=True)
    Console(file=stream, width=width).print(table)
    lines = stream.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert all(cell_len(line) <= width for line in lines)
    heads, [line] = lines[:2], lines[2:]
    assert heads[1].startswith("TYPE")
    assert "ev" in line[:12]
    assert " 5 " in line


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    assert "[red]evil[/red]" in drawn(snapshot(row("[red]evil[/red]", local=1)), 120, color=True)


def test_colour_says_nothing_that_the_text_does_not() -> None:
    whole = snapshot(*ROWS, unread("app.Gone"), row("app.Moving", settled=False, local=4))
    plain_text = drawn(whole, 120)
    coloured = drawn(whole, 120, color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain_text


def test_the_heading_tells_what_was_read_and_how() -> None:
    text = drawn(snapshot(*ROWS), 120)
    assert text.splitlines()[:2] == [
        "inspector · pid 4242 · app/server.py · Python 3.14.7 GIL off · 2 threads · 1 interpreter",
        "exact, paused for 54 µs · 4,812 of 8,192 ids in use",
    ]


def test_the_caption_tells_how_many_rows_are_not_shown() -> None:
    assert "1 of 3 types, sorted by total; --limit 0 shows all" in drawn(
        snapshot(*ROWS), 120, limit=1
    )
    assert "3 of 3 types, sorted by total\n" in drawn(snapshot(*ROWS), 120)


def test_no_row_is_said_and_not_drawn() -> None:
    selected = select_rows(snapshot(*ROWS), Selection(filters=("nothing",)))
    assert str(write_caption(selected, "total")) == "no type matches"


def test_a_gil_that_is_on_is_said_first() -> None:
    whole = snapshot(*ROWS)
    serial = whole._replace(target=whole.target._replace(gil_enabled=True))
    assert drawn(serial, 120).splitlines()[1] == GIL_ON
    assert GIL_ON not in drawn(whole, 120)


def test_verdicts_have_a_column_where_a_reading_bears_one() -> None:
    assert "VERDICT" not in head_of(drawn(snapshot(*ROWS), 200))
    text = drawn(snapshot(*ROWS, row("app.Bound", local=9, unique_id=0)), 200)
    assert "VERDICT" in head_of(text)
    assert "no unique id" in " ".join(line_of(text, "app.Bound"))


def test_instances_and_bytes_have_columns_where_the_heap_was_read() -> None:
    whole = snapshot(*ROWS)
    assert "INSTANCES" not in head_of(drawn(whole, 200))
    read = whole._replace(
        heap=heap(
            2_000_000_000,
            use("app.Order", 52_000),
            use("collections.deque", 57, low=50),
            exact=False,
            rss=5 << 20,
        )
    )
    text = drawn(read, 120)
    assert head_of(text)[:4] == ["TYPE", "TOTAL", "INSTANCES", "BYTES"]
    assert line_of(text, "app.Order")[2:4] == ["52,000", "1.7MB"]
    assert line_of(text, "collections.deque")[2:4] == ["~57", "1.8kB"]
    assert "INSTANCES estimated while it ran, after the counts: 52,057 objects" in text
    unread_heap = drawn(whole._replace(why_no_heap="no such field"), 120)
    assert line_of(unread_heap, "app.Order")[2:4] == ["?", "?"]
    assert "INSTANCES are not known: no such field" in unread_heap


def test_rows_are_sorted_by_their_instances() -> None:
    whole = snapshot(*ROWS, heap=heap(2_000_000_000, use("app.Order", 5), use(LONG.name, 9, 1)))
    for sort, names in (("instances", [LONG, ORDER, DEQUE]), ("bytes", [ORDER, LONG, DEQUE])):
        shown = select_rows(whole, Selection(sort)).snapshot
        assert list(shown.column("name")) == [each.name for each in names]
