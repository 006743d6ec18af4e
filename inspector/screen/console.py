"""Where it is drawn: a terminal of some size, or a pipe that takes all there is."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console

from inspector.screen.selection import select
from inspector.screen.tables import caption, heading, type_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.census.snapshot import Snapshot
    from inspector.screen.view import View

__all__ = ["print_table"]

UNBOUNDED: Final = 1_000_000
"""Cells of a line that nobody wraps."""

ROWS_IN_A_PIPE: Final = 20

AROUND: Final = 9
"""Lines of a terminal that are not rows: heading, heads, caption, prompt."""

FEWEST: Final = 5
"""Rows on the smallest terminal."""


def print_table(
    snapshot: Snapshot, view: View, stream: IO[str], remarks: Sequence[str] = ()
) -> None:
    """Print a snapshot to a stream as a table, with remarks after it.

    A terminal's size decides which columns there are and, without a limit, how many
    rows.  Elsewhere there are 20 rows, as wide as they need or as ``COLUMNS`` says.
    """
    width, room = None, ROWS_IN_A_PIPE
    if not stream.isatty():
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdecimal() and int(columns) else UNBOUNDED
    console = Console(file=stream, width=width)
    if stream.isatty():
        room = max(FEWEST, console.height - AROUND)
    selected = select(snapshot, view.selection, room)
    console.print(heading(snapshot), "", sep="\n")
    if selected.matching:
        table = type_table(selected, console.width, threads=view.threads)
        console.print(table, "", sep="\n")
    console.print(caption(selected, view.selection.sort, remarks))
