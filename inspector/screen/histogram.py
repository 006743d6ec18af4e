"""A histogram, and what an allocator holds, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.text import Text

from inspector.analysis.heap_change import is_same_heap
from inspector.screen.cells import (
    LONGEST_NAME,
    bare_table,
    format_clock,
    format_compact,
    format_seconds,
    format_signed,
)
from inspector.screen.console import console_for, count_fitting_rows
from inspector.screen.selected_types import select_types
from inspector.screen.text import escape_text, format_count, format_duration, format_plural, on_off

if TYPE_CHECKING:
    from rich.table import Table

    from inspector.analysis.heap_change import Earlier
    from inspector.screen.selected_types import SelectedTypes, TypeSelection
    from inspector.snapshots.heap import Allocator, HeapUse, Histogram

__all__ = ["allocator_view", "histogram_view", "print_histogram", "write_heading"]

LINES: Final = 4
"""Lines of a terminal above and below the rows."""

LONGEST_COMMAND: Final = 60

RARE: Final = ("ABANDONED", "QSBR", "WAITING", "FULL")
"""Columns of the allocator that most processes have nothing to show in."""


def print_histogram(
    histogram: Histogram, choice: TypeSelection, stream: IO[str], earlier: Earlier | None = None
) -> None:
    """Print a histogram to a stream: as many rows as a terminal has room for, 20 elsewhere.

    One that was compared with ``earlier`` readings shows changes.
    """
    console = console_for(stream)
    chosen = select_types(histogram, choice, count_fitting_rows(console, stream, LINES))
    console.print(histogram_view(chosen, histogram, choice.sort, earlier))


def histogram_view(
    chosen: SelectedTypes, whole: Histogram, sort: str, earlier: Earlier | None = None
) -> Group:
    """Return a histogram: what was read and how, the rows, and what they say."""
    found = f"{format_count(whole.instances)} objects in {_format_size(whole.bytes)}"
    parts: list[Text | Table] = [
        write_heading(whole.target),
        Text(f"{_describe_exactness(whole)} · {found}, RSS {_format_size(whole.rss)}"),
    ]
    if earlier is not None:
        parts += _describe_earlier(earlier, whole)
    parts.append(Text(""))
    if chosen.histogram.types:
        table = (
            _rows_table(chosen, whole)
            if earlier is None
            else _changes_table(chosen, has_target=earlier.target is not None)
        )
        parts += [table, Text("")]
    return Group(*parts, _write_caption(chosen, whole, sort))


def _describe_earlier(earlier: Earlier, now: Histogram) -> list[Text]:
    """Return a line for each reading that the rows are compared with."""
    lines = []
    for name, histogram in zip(("baseline", "target"), earlier.all, strict=False):
        seconds = (now.taken_ns - histogram.taken_ns) / 1e9
        grown = now.instances - histogram.instances
        facts = [
            f"{name} {format_clock(histogram.taken_ns)}, {format_seconds(seconds)} before",
            f"{format_signed(grown, 20)} objects since",
            f"RSS {_format_size(histogram.rss)}",
        ]
        if not histogram.is_complete:
            facts[1] = f"it lists {format_plural(len(histogram.types), 'type')} only"
        lines.append(Text(" · ".join(facts)))
        if not is_same_heap(histogram, now):
            lines.append(Text("two processes: types of one name are counted together", "dim"))
    return lines


def _changes_table(chosen: SelectedTypes, *, has_target: bool) -> Table:
    """Return the rows of a histogram that was compared with earlier ones."""
    table = bare_table()
    table.add_column("TYPE", overflow="ellipsis")  # gives way before figures
    steps = ["TO TARGET", "SINCE TARGET"] if has_target else []
    for head in ["DELTA", *steps, "INSTANCES", "DELTA BYTES", "SIZE"]:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in chosen.histogram.types:
        mark = "~" if row.instances != row.low else ""
        cells = [
            format_signed(row.delta, 20),
            *(format_signed(step, 20) for step in row.steps or ()),
            f"{mark}{format_count(row.instances)}",
            _format_size_change(row.delta_bytes),
            _format_size(row.size),
        ]
        name = Text(escape_text(row.name, LONGEST_NAME), no_wrap=True)
        texts = [Text(cell, "red" if cell.startswith("+") else "") for cell in cells]
        table.add_row(name, *texts, Text("growing" if row.growing else "", "bold magenta"))
    return table


def _format_size_change(number: int | None) -> str:
    """Return a change of a number of bytes, with its sign."""
    sign = "+" if number is not None and number > 0 else ""
    return sign + _format_size(number)


def write_heading(target: dict[str, Any]) -> Text:
    """Return which process was read."""
    facts = [
        "inspector",
        f"pid {target['pid']}",
        escape_text(target["command"], LONGEST_COMMAND),
        f"Python {target['version']} GIL {on_off(target['gil_enabled'])}",
    ]
    return Text(" · ".join(filter(None, facts)), "bold")


def _describe_exactness(histogram: Histogram) -> str:
    """Return how a heap was read."""
    if not histogram.exact:
        return "read while it ran"
    if histogram.pause_ns is None:
        return "exact"
    return f"exact, paused for {format_duration(histogram.pause_ns)}"


def _format_size(number: int | None) -> str:
    """Return a number of bytes in at most eight characters."""
    return "?" if number is None else f"{format_compact(number)}B"


def _rows_table(chosen: SelectedTypes, whole: Histogram) -> Table:
    """Return the rows of the histogram."""
    several = len({row.interpreter for row in whole.types}) > 1
    estimated = not whole.exact
    heads = ["INSTANCES", "LOW", "TRACKED", "BYTES", "ATTACHED", "SHARE", "INTERPRETER"]
    without = {"LOW": not estimated, "INTERPRETER": not several}
    table = bare_table()
    table.add_column("TYPE", overflow="ellipsis")  # gives way before figures
    shown = [head for head in heads if not without.get(head)]
    for head in shown:
        table.add_column(head, justify="right", no_wrap=True)
    total = whole.bytes or 1
    for row in chosen.histogram.types:
        mark = "~" if estimated and row.instances != row.low else ""
        cells = {
            "INSTANCES": f"{mark}{format_count(row.instances)}",
            "LOW": format_count(row.low),
            "TRACKED": format_count(row.tracked),
            "BYTES": _format_size(row.bytes),
            "ATTACHED": "" if row.attached is None else _format_size(row.attached),
            "SHARE": f"{100 * (row.bytes + (row.attached or 0)) / total:.1f} %",
            "INTERPRETER": format_count(row.interpreter),
        }
        name = Text(escape_text(row.name, LONGEST_NAME), no_wrap=True)
        table.add_row(name, *(Text(cells[head]) for head in shown))
    return table


def _write_caption(chosen: SelectedTypes, whole: Histogram, sort: str) -> Text:
    """Return what the rows are, and what is to be known about the numbers."""
    shown = len(chosen.histogram.types)
    text = f"{shown:,} of {format_plural(chosen.matching, 'type')}"
    if chosen.matching < chosen.all:
        text += f" that match, of {chosen.all:,}"
    more = "; --limit 0 shows all" if shown < chosen.matching else ""
    lines = [f"{text}, sorted by {sort}{more}" if shown else "no type matches"]
    if any(row.steps is not None for row in chosen.histogram.types):
        lines.append(
            "growing: at least 4 instances, or 4 kB, more after each step; warm-up rises only once"
        )
    if whole.exact and whole.uncertain:
        lines.append(
            f"the allocator was at work in {format_plural(whole.uncertain, 'page')}: "
            "each may be wrong by one block"
        )
    elif not whole.exact:
        lines.append("~ estimated; LOW is what the first look proves; --blocking is exact")
        if whole.uncertain:
            lines.append(
                f"{format_plural(whole.uncertain, 'page')} changed whenever they were read"
            )
    return Text("\n".join(lines), "dim")


def allocator_view(allocator: Allocator) -> Group:
    """Return what the heaps of a process use."""
    heaps = allocator.heaps
    committed = sum(row.committed for row in heaps)
    live = sum(row.live for row in heaps)
    facts = [
        f"RSS {_format_size(allocator.rss)}",
        f"{_format_size(committed)} in pages of {format_plural(allocator.segments, 'segment')}",
        f"{_format_size(live)} live",
    ]
    rows = [_allocator_cells(row) for row in heaps]
    several = len({row.interpreter for row in heaps}) > 1
    # A column that says nothing takes room from numbers that do.
    hidden = {head for head in RARE if all(cells[head] == "0" for cells in rows)}
    hidden |= set() if several else {"INTERPRETER"}
    shown = [head for head in rows[0] if head not in hidden] if rows else []
    table = bare_table()
    for head in shown:
        table.add_column(head, justify="left" if head == "HEAP" else "right", no_wrap=True)
    for cells in rows:
        table.add_row(*(Text(cells[head]) for head in shown))
    heading = write_heading(allocator.target)
    return Group(heading, Text(" · ".join(facts)), Text(""), table)


def _allocator_cells(row: HeapUse) -> dict[str, str]:
    """Return the cells of a heap, by the heads of their columns."""
    sizes = {
        "COMMITTED": row.committed,
        "LIVE": row.live,
        "FREE": row.free,
        "ABANDONED": row.abandoned,
        "QSBR": row.qsbr,
        "WAITING": row.waiting,
        "FULL": row.full,
    }
    return {
        "HEAP": row.heap,
        "INTERPRETER": format_count(row.interpreter),
        "THREAD": "-" if row.native_id is None else str(row.native_id),
        **{head: "0" if size == 0 else _format_size(size) for head, size in sizes.items()},
        "BLOCKS": format_count(row.blocks),
    }
