"""Who holds objects, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import LONGEST_NAME, bare_table, format_compact
from inspector.screen.console import console_for, count_fitting_rows
from inspector.screen.histogram import write_heading
from inspector.screen.text import escape_text, format_count, format_duration, format_plural

if TYPE_CHECKING:
    from rich.table import Table

    from inspector.snapshots.holders import Holders

__all__ = ["holders_view", "print_holders_view"]

LINES: Final = 7
"""Lines of a terminal above and below the rows."""

LONGEST_PATH: Final = 400


def print_holders_view(holders: Holders, limit: int | None, stream: IO[str]) -> None:
    """Print who holds objects: as many rows as a terminal has room for, 20 elsewhere."""
    console = console_for(stream)
    room = count_fitting_rows(console, stream, LINES) if limit is None else limit or None
    console.print(holders_view(holders, room))


def holders_view(holders: Holders, room: int | None) -> Group:
    """Return what is held, by whom, and what nobody holds."""
    noun = "object" if " at 0x" in holders.subject else "instance"
    said = [
        f"{escape_text(holders.subject, LONGEST_NAME)}: {format_plural(holders.objects, noun)}",
        f"{format_compact(holders.bytes)}B of their own",
        f"paused for {format_duration(holders.pause_ns)}"
        if holders.pause_ns is not None
        else "read while it ran",
    ]
    parts: list[Text | Table] = [write_heading(holders.target), Text(" · ".join(said)), Text("")]
    table = bare_table()
    table.add_column("OBJECTS", justify="right", no_wrap=True)
    table.add_column("HELD BY", no_wrap=True)
    table.add_column("PATH", overflow="fold")
    for holder in holders.holders[:room]:
        cells = [format_count(holder.objects), escape_text(holder.type, LONGEST_NAME)]
        table.add_row(*map(Text, cells), Text(escape_text(holder.path, LONGEST_PATH)))
    if holders.holders:
        parts += [table, Text("")]
    return Group(*parts, Text("\n".join(_write_caption(holders, room)), "dim"))


def _write_caption(holders: Holders, room: int | None) -> list[str]:
    """Return what is not shown, and what was not found."""
    lines = []
    hidden = len(holders.holders) - (room or len(holders.holders))
    if hidden > 0:
        lines.append(f"{format_plural(hidden, 'more path')}; --limit 0 shows all")
    if holders.unheld:
        lines.append(
            f"no path from a module, a frame or static memory leads to {holders.unheld:,} of "
            "them: garbage, or held by native code"
        )
    return lines or ["an object may be held in several ways"]
