"""What is printed of pools, types, differences and diagnoses, as text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from inspector.analysis.change import find_changes
from inspector.diagnosis.doctor import Diagnosis
from inspector.errors import AccessDenied
from inspector.screen.anatomy import anatomy_view
from inspector.screen.dashboard.view import help_lines
from inspector.screen.differences import difference_view
from inspector.screen.doctor import diagnosis_view
from inspector.screen.pool import pool_view
from inspector.screen.text import GIL_ON
from inspector.verdict.advice import describe_evidence
from inspector.verdict.evidence import Evidence
from tests.screen.boards import board, printed
from tests.screen.builder import (
    RIGHTS,
    SECOND,
    anatomy,
    heap,
    interpreter,
    row,
    snapshot,
    unread,
    use,
)


def test_a_pool_tells_of_each_thread_where_it_counts() -> None:
    each = interpreter((1, "main"), (2, "new"), (3, "old"))
    main, new, old = each.threads
    threads = (main, new._replace(array_size=0), old._replace(array_size=0, finalized=True))
    empty = interpreter(number=1)
    whole = snapshot(interpreters=(each._replace(threads=threads), empty))
    lines = printed(pool_view(whole)).splitlines()
    assert lines[0] == (
        "interpreter 0: 4,812 of 8,192 ids in use (58.7 %), 3,380 free: "
        "? types, ? code objects, ? dicts"
    )
    states = [line.split("  ")[-1].strip() for line in lines[5:8]]
    assert states == ["counts per thread", "no count yet", "finalized: counts in headers"]
    assert "no threads: all its counts are in headers" in lines


def test_a_type_in_full_tells_how_many_names_and_threads_it_leaves_out() -> None:
    many = {native: native for native in range(1, 51)}
    subject = row("app.Order", local=3, contributions=many)
    whole = replace(anatomy(subject), subclasses=tuple(f"app.Sub{number}" for number in range(45)))
    shown = printed(anatomy_view(whole), 2000)
    assert "app.Sub39, and 5 more" in shown
    assert f"contributed by 10 others  +{sum(range(1, 11))}" in " ".join(shown.split("\n")).replace(
        "   ", "  "
    )


def test_a_type_that_moved_is_shown_with_its_bounds() -> None:
    subject = row("app.Order", local=7, settled=False, bounds=(5, 9))
    assert "~7, seen 5 to 9" in printed(anatomy_view(anatomy(subject)))


def test_a_type_is_shown_with_what_one_reading_says_of_it() -> None:
    silent = printed(anatomy_view(anatomy(row("app.Order"))))
    assert "verdict" not in silent
    bound = anatomy(row("app.Bound", unique_id=0))
    assert re.search(
        r"^verdict\n  no unique id +CPython counts it", printed(anatomy_view(bound)), re.MULTILINE
    )
    for whole in (bound, anatomy(row("app.Order"))):
        found = whole.as_dict()
        assert {"verdict", "evidence", "advice"} <= set(found)
        assert found["evidence"]["kind"] == "type"
    assert bound.as_dict()["verdict"] == "no unique id"


def test_a_type_that_is_not_counted_has_no_formula() -> None:
    assert anatomy(unread("app.Order")).formula == "not counted"


def test_differences_of_two_processes_say_so_and_mark_what_moved() -> None:
    old = snapshot(row("app.Order", local=3), taken_ns=0)
    moved = row("app.Order", local=9, settled=False, bounds=(8, 9))
    new = snapshot(moved, row("app.Line", local=1), taken_ns=SECOND)
    other = new._replace(target=new.target._replace(pid=7))
    found = find_changes(old, other)
    lines = printed(difference_view(old, other, found, 100, None)).splitlines()
    assert "two processes: objects of one name are counted together" in lines[1]
    order = next(line for line in lines if line.startswith("app.Order"))
    assert order.split() == ["app.Order", "+6", "3", "9", "changed", "~"]
    assert lines[-1] == "2 of 2 changes; ~ moved while it was read"
    assert "nothing changed" in printed(difference_view(old, old, [], 100, None))
    assert "1 of 2 changes" in printed(difference_view(old, other, found, 100, 1))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_differences_of_heaps_show_instances_bytes_rates_and_rss(width: int) -> None:
    counted = snapshot(row("app.Order", local=3), taken_ns=0)
    order, kept = use("app.Order", 3), use("builtins.dict", 20)
    old = counted._replace(heap=heap(0, order, kept, rss=5 << 20))
    more = snapshot(row("app.Order", local=9), taken_ns=4 * SECOND)
    changed = (use("app.Order", 9), use("builtins.dict", 15_020))
    new = more._replace(heap=heap(4, *changed, rss=7 << 20))
    view = difference_view(old, new, find_changes(old, new), width, None)
    lines = printed(view, width).replace("\n(+2.1MB)", " (+2.1MB)").splitlines()
    assert lines[0] == "pid 4242 at 00:00:00  to  pid 4242 at 00:00:04, 4.0 s"
    assert lines[1] == "15,029 objects (+15,006) in 481kB (+480kB), RSS 7.3MB (+2.1MB)"
    heads, first, second = (line.split() for line in lines[3:6])
    rows = [dict(zip(heads[1:], line[1:], strict=False)) for line in (first, second)]
    assert (first[0], second[0]) == ("builtins.dict", "app.Order")
    assert (rows[0]["+INSTANCES"], rows[0]["GROWTH"], rows[1]["GROWTH"]) == ("+15,000", "-", "+6")
    assert all(cell_len(line) <= width for line in lines[2:])
    if width == 200:
        assert (rows[0]["INSTANCES/s"], rows[1]["/s"]) == ("+3.8k", "+1.5")


def test_a_diagnosis_ends_with_what_it_comes_to() -> None:
    error = AccessDenied("not allowed to read process 4242", pid=4242, hint="use sudo")
    found = Diagnosis(4242, False, RIGHTS, "3.14.7", (), 12_000_000, error)  # noqa: FBT003 - a value
    lines = printed(diagnosis_view(found)).splitlines()
    assert lines[0] == "inspector · pid 4242 · Python 3.14.7"
    assert "the process was stopped for 12 ms to find its layout" in lines
    assert lines[-1] == "no: not allowed to read process 4242; use sudo"
    assert (
        printed(diagnosis_view(replace(found, gil_enabled=False)))
        .splitlines()[0]
        .endswith("GIL off")
    )
    serial = printed(diagnosis_view(replace(found, gil_enabled=True))).splitlines()
    assert serial[:2] == ["inspector · pid 4242 · Python 3.14.7 GIL on", GIL_ON]
    assert replace(found, gil_enabled=True).as_dict()["gil_enabled"] is True
    yes = replace(found, error=None, is_own=True)
    assert printed(diagnosis_view(yes)).splitlines()[-1].startswith("yes: this process can be read")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, ""),
        ({"total": 5, "header": -5, "contributed": 10}, "total +5, header -5, threads' arrays +10"),
        ({"samples": 50, "moved": 45}, "header moved in 45 of 50 samples"),
        ({"deallocator": "per thread", "seconds": 2.0}, "freed per thread, in 2.0 s"),
        ({"deallocator": "header", "merges": 1}, "freed in the header, 1 merge in it"),
        ({"instances": 3, "merges": 1200}, "instances +3, 1,200 merges in it"),
    ],
)
def test_evidence_is_said_in_a_line(fields: dict[str, Any], text: str) -> None:
    assert describe_evidence(Evidence(**fields)) == text


def test_where_arrows_cannot_be_drawn_keys_are_spelled() -> None:
    text = "\n".join(map(str, help_lines(board(unicode=False))))
    assert "←" not in text
    assert "  Left  threads to the left" in text
