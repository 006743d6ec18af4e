"""What stands in cells of a given width: names, numbers, times; and tables of them; pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.table import Table

from inspector.screen.text import escape_text, format_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.snapshots.snapshot import ObjectCount

__all__ = [
    "GAP",
    "LONGEST_NAME",
    "bare_table",
    "cut_to_width",
    "format_clock",
    "format_compact",
    "format_lower_bound",
    "format_name",
    "format_number",
    "format_rate",
    "format_seconds",
    "format_signed",
    "format_total",
    "measure_column",
]

GAP: Final = 2
"""Cells before a column of a table."""


UNITS: Final = ("", "k", "M", "G", "T", "P", "E")
THOUSAND: Final = 1000
MINUTE: Final = 60
"""Seconds; and minutes of an hour."""
LONGEST_NAME: Final = 400
"""Characters of a name that a line can have any use for."""


def bare_table() -> Table:
    """Return a table without lines, as all of them are."""
    return Table(box=None, padding=(0, 0, 0, GAP), pad_edge=False, header_style="bold")


def measure_column(head: str, cells: Iterable[str]) -> int:
    """Return the width of the widest of a column's head and cells."""
    width = cell_len(head)
    for cell in cells:
        width = max(width, cell_len(cell))
    return width


def format_name(row: ObjectCount) -> str:
    """Return a name that cannot do any harm."""
    return escape_text(row.name, LONGEST_NAME)


def cut_to_width(text: str, cells: int) -> str:
    """Cut the middle out of a text; the end of a dotted name tells most."""
    if cell_len(text) <= cells:
        return text
    if cells <= 1:
        return "…"[:cells]
    head = (cells - 1) // 3
    tail = cells - 1 - head
    return f"{set_cell_size(text, head)}…{set_cell_size(text[::-1], tail)[::-1]}"


def format_compact(value: float) -> str:
    """Return a number in five characters at most, and its sign."""
    size = abs(value)
    unit = 0
    while size >= THOUSAND - 0.5 and unit < len(UNITS) - 1:
        size /= THOUSAND
        unit += 1
    digits = f"{size:.0f}" if size >= 10 or (not unit and size == int(size)) else f"{size:.1f}"  # noqa: PLR2004 - 10 has two digits
    return f"{'-' if value < 0 else ''}{digits}{UNITS[unit]}"


def format_number(value: int | None, cells: int = 11) -> str:
    """Return a count with its thousands apart; shorter where that does not fit."""
    text = format_count(value)
    return text if value is None or len(text) <= cells else format_compact(value)


def format_signed(value: int | None, cells: int = 9) -> str:
    """Return a difference with its sign; nothing for none."""
    if not value:
        return "?" if value is None else "0"
    text = format_number(value, cells - 1)
    return text if value < 0 else f"+{text}"


def format_rate(rate: float | None) -> str:
    """Return a rate with its sign."""
    if rate is None:
        return "?"
    if abs(rate) < 0.05:  # noqa: PLR2004 - would be written as 0.0
        return "0" if not rate else "~0"
    return f"{'+' if rate > 0 else ''}{format_compact(rate)}"


def format_lower_bound(rate: float | None, *, unicode: bool) -> str:
    """Return a lower bound of a rate."""
    if rate is None:
        return "?"
    sign = "≥" if unicode else ">="
    return f"{sign}{format_compact(rate) if rate >= 0.05 else 0}"  # noqa: PLR2004 - would be written as 0.0


def format_total(row: ObjectCount) -> str:
    """Return a total, marked with ``~`` where it moved while it was read."""
    text = format_number(row.total)
    return text if row.settled or row.total is None else f"~{text}"


def format_seconds(seconds: float) -> str:
    """Return a length of time in the unit that fits it: ``1.5 s``, ``12 min``, ``3.2 h``."""
    if abs(seconds) < 2 * MINUTE:
        return f"{seconds:.1f} s"
    if abs(seconds) < 2 * MINUTE * MINUTE:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / MINUTE / MINUTE:.1f} h"


def format_clock(nanoseconds: int) -> str:
    """Return a time of day."""
    return time.strftime("%H:%M:%S", time.localtime(nanoseconds / 1e9))
