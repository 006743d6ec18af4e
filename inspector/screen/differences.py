"""What differs between two readings, as a Rich renderable; a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.analysis.change import is_same_process
from inspector.screen.cells import bare_table, cut_to_width, format_clock, format_signed
from inspector.screen.text import escape_text, format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.analysis.change import Change
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["difference_view"]

ROWS: Final = 40
NUMBERS: Final = 48
"""Cells of all columns beside the names, with their gaps."""
NARROWEST: Final = 12


def difference_view(
    old: Snapshot, new: Snapshot, found: Sequence[Change], width: int, limit: int | None
) -> Group:
    """Return the changes as a table of at most ``width`` cells and, unless told, 40 rows."""
    shown = found[: ROWS if limit is None else limit or None]
    heading = Text(f"{_describe_reading(old)}  to  {_describe_reading(new)}", "bold")
    if not is_same_process(old, new):
        heading.append("\ntwo processes: objects of one name are counted together", "dim")
    if not shown:
        return Group(heading, Text("nothing changed" if not found else ""))
    names = [
        cut_to_width(escape_text(each.name), max(NARROWEST, width - NUMBERS)) for each in shown
    ]
    table = bare_table()
    table.add_column("TYPE" if shown[0].kind == "type" else shown[0].kind.upper(), no_wrap=True)
    for head in ("GROWTH", "BEFORE", "AFTER"):
        table.add_column(head, justify="right", no_wrap=True, min_width=10)
    table.add_column("", no_wrap=True)
    for name, each in zip(names, shown, strict=True):
        growth = format_signed(each.growth, 14)
        style = "red" if (each.growth or 0) > 0 else "green" if each.growth else "dim"
        mark = each.what if each.settled else f"{each.what} ~"
        table.add_row(
            Text(name),
            Text(growth, style),
            "-" if each.what == "new" else format_count(each.before),
            "-" if each.what == "gone" else format_count(each.after),
            Text(mark, "dim"),
        )
    caption = f"{len(shown):,} of {len(found):,} changes"
    if any(not each.settled for each in shown):
        caption += "; ~ moved while it was read"
    return Group(heading, Text(""), table, Text(""), Text(caption, "dim"))


def _describe_reading(snapshot: Snapshot) -> str:
    return f"pid {snapshot.target.pid} at {format_clock(snapshot.taken_ns)}"
