"""What differs between two readings, as a Rich renderable; a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.analysis.change import elapsed_seconds
from inspector.screen.cells import (
    GAP,
    bare_table,
    cut_to_width,
    format_clock,
    format_compact,
    format_rate,
    format_seconds,
    format_signed,
    measure_column,
)
from inspector.screen.text import escape_text, format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.analysis.change import Change
    from inspector.analysis.pace import PaceChange
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["difference_view", "pace_view"]

ROWS: Final = 40
NARROWEST: Final = 12
"""Cells that names keep."""

SIGNED: Final = 14


def _format_size(number: int | None) -> str:
    sign = "+" if number is not None and number > 0 else ""
    return "?" if number is None else f"{sign}{format_compact(number)}B"


CELLS: Final[dict[str, Callable[[Change], str]]] = {
    "GROWTH": lambda change: format_signed(change.growth, SIGNED),
    "/s": lambda change: format_rate(change.growth_per_second),
    "BEFORE": lambda change: "-" if change.what == "new" else format_count(change.before),
    "AFTER": lambda change: "-" if change.what == "gone" else format_count(change.after),
    "+INSTANCES": lambda change: format_signed(change.instances_growth, SIGNED),
    "INSTANCES": lambda change: format_count(change.instances),
    "INSTANCES/s": lambda change: format_rate(change.instances_per_second),
    "+BYTES": lambda change: _format_size(change.bytes_growth),
}
"""Every column beside the names, in the order in which they are drawn."""

OF_HEAP: Final = frozenset({"+INSTANCES", "INSTANCES", "INSTANCES/s", "+BYTES"})

CHOICE: Final = (
    *("GROWTH", "+INSTANCES", "BEFORE", "AFTER", "+BYTES", "INSTANCES", "/s", "INSTANCES/s"),
)
"""The columns that matter most, in turn."""


def difference_view(
    old: Snapshot, new: Snapshot, found: Sequence[Change], width: int, limit: int | None
) -> Group:
    """Return the changes as a table of at most ``width`` cells and, unless told, 40 rows."""
    shown = found[: ROWS if limit is None else limit or None]
    heading = Text(f"{_describe_reading(old)}  to  {_describe_reading(new)}", "bold")
    seconds = elapsed_seconds(old, new)
    if seconds is None:
        heading.append("\ntwo processes: objects of one name are counted together", "dim")
    else:
        heading.append(f", {format_seconds(seconds)}")
    heading.append(_describe_heaps(old, new), "not bold")
    if not shown:
        return Group(heading, Text("nothing changed" if not found else ""))
    marks = [_describe_change(change) for change in shown]
    width -= GAP + max(mark.cell_len for mark in marks)
    columns = _choose_columns(shown, width, seconds, with_heap=bool(old.heap and new.heap))
    room = width - sum(GAP + measure_column(head, cells) for head, cells in columns)
    table = bare_table()
    table.add_column("TYPE" if shown[0].kind == "type" else shown[0].kind.upper(), no_wrap=True)
    for head, cells in columns:
        table.add_column(head, justify="right", no_wrap=True, min_width=measure_column(head, cells))
    table.add_column("", no_wrap=True)
    for number, change in enumerate(shown):
        name = cut_to_width(escape_text(change.name), max(NARROWEST, room))
        texts = [_style_cell(head, cells[number], change) for head, cells in columns]
        table.add_row(Text(name), *texts, marks[number])
    caption = f"{len(shown):,} of {len(found):,} changes"
    if any(not change.settled for change in shown):
        caption += "; ~ moved while it was read"
    if any(change.growth is None and change.instances is not None for change in shown):
        caption += "; references to built-in types are not counted"
    return Group(heading, Text(""), table, Text(""), Text(caption, "dim"), *_advise(shown))


def pace_view(paces: Sequence[PaceChange], width: int, limit: int | None) -> Group:
    """Return how fast objects grow in two processes, as a table of at most ``width`` cells."""
    shown = paces[: ROWS if limit is None else limit or None]
    heading = Text("per second, which does not depend on the age of a process", "bold")
    if not shown:
        return Group(heading, Text("both grow at the same pace"))
    heads: tuple[tuple[str, Callable[[PaceChange], str]], ...] = (
        ("BEFORE/s", lambda pace: format_rate(pace.before)),
        ("AFTER/s", lambda pace: format_rate(pace.after)),
        ("INSTANCES/s BEFORE", lambda pace: format_rate(pace.instances_before)),
        ("AFTER", lambda pace: format_rate(pace.instances_after)),
    )
    columns = [(head, [cell(pace) for pace in shown]) for head, cell in heads]
    room = width - sum(GAP + measure_column(head, cells) for head, cells in columns)
    table = bare_table()
    table.add_column("TYPE", no_wrap=True)
    for head, _ in columns:
        table.add_column(head, justify="right", no_wrap=True)
    for number, pace in enumerate(shown):
        name = cut_to_width(escape_text(pace.name), max(NARROWEST, room))
        table.add_row(Text(name), *(Text(cells[number]) for _, cells in columns))
    caption = f"{len(shown):,} of {len(paces):,} names"
    return Group(heading, Text(""), table, Text(""), Text(caption, "dim"))


def _describe_change(change: Change) -> Text:
    """Return what happened to an object, and the verdict on it."""
    text = Text(change.what if change.settled else f"{change.what} ~", "dim")
    if change.judged is not None:
        text.append(f" {change.judged.verdict}", "not dim bold magenta")
    return text


def _choose_columns(
    shown: Sequence[Change], width: int, seconds: float | None, *, with_heap: bool
) -> list[tuple[str, list[str]]]:
    """Return the heads and cells of the columns that fit."""
    rates = {"/s", "INSTANCES/s"}
    chosen: dict[str, list[str]] = {}
    room = width - NARROWEST
    for head in CHOICE:
        if (head in OF_HEAP and not with_heap) or (head in rates and not seconds):
            continue
        cells = [CELLS[head](change) for change in shown]
        needed = GAP + measure_column(head, cells)
        if needed <= room or not chosen:
            chosen[head] = cells
            room -= needed
    return [(head, chosen[head]) for head in CELLS if head in chosen]


def _style_cell(head: str, cell: str, change: Change) -> Text:
    """Return a cell; growth is red, and what is not counted steps back."""
    if head in {"GROWTH", "BEFORE", "AFTER", "/s"} and _is_uncounted(change):
        return Text("-", "dim")
    if not head.startswith(("GROWTH", "+")):
        return Text(cell)
    return Text(cell, "red" if cell.startswith("+") else "green" if cell[0] == "-" else "dim")


def _is_uncounted(change: Change) -> bool:
    """Whether only instances of a type are known."""
    return change.growth is None and change.what != "unknown"


def _advise(shown: Sequence[Change]) -> list[Text]:
    """Say of each verdict what it means, with the numbers of the first type that has it."""
    lines = []
    said = set()
    for change in shown:
        judged = change.judged
        if judged is not None and judged.verdict not in said:
            said.add(judged.verdict)
            title = f"{judged.verdict}, {escape_text(change.name)}: "
            lines.append(Text.assemble((title, "bold"), judged.advice))
    return lines


def _describe_heaps(old: Snapshot, new: Snapshot) -> str:
    """Return how all instances and the memory of the process changed."""
    before, after = old.heap, new.heap
    if before is None or after is None:
        return ""
    grown = format_signed(after.instances - before.instances, SIGNED)
    size = _format_size(after.bytes - before.bytes)
    facts = f"\n{format_count(after.instances)} objects ({grown}) in {format_compact(after.bytes)}B"
    if before.rss is None or after.rss is None:
        return f"{facts} ({size})"
    rss = f"RSS {format_compact(after.rss)}B ({_format_size(after.rss - before.rss)})"
    return f"{facts} ({size}), {rss}"


def _describe_reading(snapshot: Snapshot) -> str:
    return f"pid {snapshot.target.pid} at {format_clock(snapshot.taken_ns)}"
