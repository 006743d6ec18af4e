"""A histogram, and what an allocator holds, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import LONGEST_NAME, bare_table, compact
from inspector.screen.console import AROUND, FEWEST, ROWS_IN_A_PIPE, console_for
from inspector.screen.selected_types import choose
from inspector.screen.text import count, duration, on_off, plain, plural

if TYPE_CHECKING:
    from rich.table import Table

    from inspector.screen.selected_types import Choice, Chosen
    from inspector.snapshots.heap import Allocator, Histogram

__all__ = ["allocator_view", "histogram_view", "print_histogram"]

LINES: Final = 4
"""Lines of a terminal above and below the rows."""

LONGEST_COMMAND: Final = 60


def print_histogram(histogram: Histogram, choice: Choice, stream: IO[str]) -> None:
    """Print a histogram to a stream: as many rows as a terminal has room for, 20 elsewhere."""
    console = console_for(stream)
    room = ROWS_IN_A_PIPE
    if stream.isatty():
        room = max(FEWEST, console.height - LINES - AROUND)
    chosen = choose(histogram, choice, room)
    console.print(histogram_view(chosen, histogram, choice.sort))


def histogram_view(chosen: Chosen, whole: Histogram, sort: str) -> Group:
    """Return a histogram: what was read and how, the rows, and what they say."""
    parts: list[Text | Table] = [
        _heading(whole.target),
        Text(f"{_how(whole)} · {count(whole.instances)} objects in {_size(whole.bytes)}"),
        Text(""),
    ]
    if chosen.histogram.types:
        parts += [_rows(chosen, whole), Text("")]
    return Group(*parts, _caption(chosen, whole, sort))


def _heading(target: dict[str, Any]) -> Text:
    """Return which process was read."""
    facts = [
        "inspector",
        f"pid {target['pid']}",
        plain(target["command"], LONGEST_COMMAND),
        f"Python {target['version']} GIL {on_off(target['gil_enabled'])}",
    ]
    return Text(" · ".join(filter(None, facts)), "bold")


def _how(histogram: Histogram) -> str:
    """Return how a heap was read."""
    if not histogram.exact:
        return "read while it ran"
    if histogram.pause_ns is None:
        return "exact"
    return f"exact, paused for {duration(histogram.pause_ns)}"


def _size(number: int | None) -> str:
    """Return a number of bytes in at most eight characters."""
    return "?" if number is None else f"{compact(number)}B"


def _rows(chosen: Chosen, whole: Histogram) -> Table:
    """Return the rows of the histogram."""
    several = len({row.interpreter for row in whole.types}) > 1
    estimated = not whole.exact
    heads = ["INSTANCES", "LOW", "TRACKED", "BYTES", "ATTACHED", "SHARE", "INTERPRETER"]
    without = {"LOW": not estimated, "INTERPRETER": not several}
    table = bare_table()
    table.add_column("TYPE", overflow="ellipsis", no_wrap=True)
    shown = [head for head in heads if not without.get(head)]
    for head in shown:
        table.add_column(head, justify="right", no_wrap=True)
    total = whole.bytes or 1
    for row in chosen.histogram.types:
        mark = "~" if estimated and row.instances != row.low else ""
        cells = {
            "INSTANCES": f"{mark}{count(row.instances)}",
            "LOW": count(row.low),
            "TRACKED": count(row.tracked),
            "BYTES": _size(row.bytes),
            "ATTACHED": "" if row.attached is None else _size(row.attached),
            "SHARE": f"{100 * (row.bytes + (row.attached or 0)) / total:.1f} %",
            "INTERPRETER": count(row.interpreter),
        }
        name = Text(plain(row.name, LONGEST_NAME))
        table.add_row(name, *(Text(cells[head]) for head in shown))
    return table


def _caption(chosen: Chosen, whole: Histogram, sort: str) -> Text:
    """Return what the rows are, and what is to be known about the numbers."""
    shown = len(chosen.histogram.types)
    text = f"{shown:,} of {plural(chosen.matching, 'type')}"
    if chosen.matching < chosen.all:
        text += f" that match, of {chosen.all:,}"
    more = "; --limit 0 shows all" if shown < chosen.matching else ""
    lines = [f"{text}, sorted by {sort}{more}" if shown else "no type matches"]
    if whole.exact and whole.uncertain:
        lines.append(
            f"the allocator was at work in {plural(whole.uncertain, 'page')}: "
            "each may be wrong by one block"
        )
    elif not whole.exact:
        lines.append("~ estimated; LOW is what the first look proves; --blocking is exact")
        if whole.uncertain:
            lines.append(f"{plural(whole.uncertain, 'page')} changed whenever they were read")
    return Text("\n".join(lines), "dim")


def allocator_view(allocator: Allocator) -> Group:
    """Return what the heaps of a process use."""
    heaps = allocator.heaps
    committed = sum(row.committed for row in heaps)
    live = sum(row.live for row in heaps)
    facts = [
        f"RSS {_size(allocator.rss)}",
        f"{_size(committed)} in pages of {plural(allocator.segments, 'segment')}",
        f"{_size(live)} live",
    ]
    table = bare_table()
    table.add_column("HEAP", no_wrap=True)
    heads = ("INTERPRETER", "THREAD", "COMMITTED", "LIVE", "FREE", "ABANDONED", "QSBR", "FULL")
    for head in (*heads, "BLOCKS"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in heaps:
        sizes = (row.committed, row.live, row.free, row.abandoned, row.qsbr, row.full)
        cells = [
            row.heap,
            count(row.interpreter),
            "-" if row.native_id is None else str(row.native_id),
            *(_size(each) if each else "0" for each in sizes),
            count(row.blocks),
        ]
        table.add_row(*map(Text, cells))
    heading = _heading(allocator.target)
    return Group(heading, Text(" · ".join(facts)), Text(""), table)
