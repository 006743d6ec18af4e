"""What an allocator holds, as it is printed."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from inspector.screen.histogram import allocator_view
from inspector.snapshots.heap import Allocator, HeapUse

TARGET = {"pid": 42, "version": "3.14.7", "gil_enabled": False, "command": "python app.py"}

PLAIN = HeapUse(0, 4242, "gc", 8 << 20, 5 << 20, 3 << 20, 0, 0, 0, 0, 0, 12_345)


def shown(*rows: HeapUse, width: int = 80) -> list[list[str]]:
    """Return the words of the table's lines."""
    stream = StringIO()
    allocator = Allocator(TARGET, 29_000_000, 2, rows)
    Console(file=stream, width=width).print(allocator_view(allocator))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    return lines[next(number for number, words in enumerate(lines) if words[:1] == ["HEAP"]) :]


def test_columns_that_are_nought_everywhere_are_left_out() -> None:
    assert shown(PLAIN, PLAIN._replace(heap="object", blocks=7)) == [
        ["HEAP", "THREAD", "COMMITTED", "LIVE", "FREE", "BLOCKS"],
        ["gc", "4242", "8.4MB", "5.2MB", "3.1MB", "12,345"],
        ["object", "4242", "8.4MB", "5.2MB", "3.1MB", "7"],
    ]


@pytest.mark.parametrize(
    ("row", "head", "cell"),
    [
        (PLAIN._replace(abandoned=65536), "ABANDONED", "66kB"),
        (PLAIN._replace(qsbr=65536), "QSBR", "66kB"),
        (PLAIN._replace(waiting=1600, waiting_blocks=100), "WAITING", "1.6kB"),
        (PLAIN._replace(waiting=None, waiting_blocks=None), "WAITING", "?"),
        (PLAIN._replace(full=96), "FULL", "96B"),
    ],
)
def test_what_is_abandoned_waits_or_is_full_is_named(row: HeapUse, head: str, cell: str) -> None:
    heads, first, second = shown(row, PLAIN)
    assert heads == ["HEAP", "THREAD", "COMMITTED", "LIVE", "FREE", head, "BLOCKS"]
    assert first[-2] == cell
    assert second[-2] == "0"


def test_interpreters_are_told_apart_where_there_are_several() -> None:
    heads, *rows = shown(PLAIN, PLAIN._replace(interpreter=1), PLAIN._replace(interpreter=None))
    assert heads[1] == "INTERPRETER"
    assert [row[1] for row in rows] == ["0", "1", "?"]


def test_a_process_without_pages_has_no_rows() -> None:
    stream = StringIO()
    Console(file=stream, width=80).print(allocator_view(Allocator(TARGET, None, 0, ())))
    assert "RSS ?" in stream.getvalue()
