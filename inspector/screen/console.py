"""Where it is drawn: a terminal of some size, or a pipe that takes all there is."""

from __future__ import annotations

import re
from io import StringIO
from typing import IO, TYPE_CHECKING, Final, cast

from rich.console import Console
from rich.text import Text

from inspector.screen.selection import select_rows
from inspector.screen.sizes import read_columns, sensible_environment
from inspector.screen.tables import type_table, write_caption, write_heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from inspector.screen.selection import View
    from inspector.snapshots.snapshot import Snapshot

__all__ = [
    "console_for",
    "count_fitting_rows",
    "lines_of",
    "print_table",
    "record_console",
]

UNBOUNDED: Final = 1_000_000
"""Cells of a line that nobody wraps."""

ROWS_IN_A_PIPE: Final = 20

AROUND: Final = 6
"""Lines of a terminal for heads of columns, blank lines, a remark, and the prompt."""

TRAILING_BLANKS: Final = re.compile(" +$", re.MULTILINE)

FEWEST: Final = 5
"""Rows on the smallest terminal."""


class PlainConsole(Console):
    """A console that leaves it to its user what a broken pipe means."""

    def on_broken_pipe(self) -> None:
        """Raise what was raised; Rich would redirect standard output and exit."""
        raise  # noqa: PLE0704 - called while BrokenPipeError is handled


class Trimmed:
    """A stream for lines that end where their last word does: Rich fills cells with blanks."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write whole lines."""
        return self._stream.write(TRAILING_BLANKS.sub("", text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def console_for(stream: IO[str]) -> Console:
    """Return a console as wide as the terminal, or as ``COLUMNS`` says, or without bounds."""
    environment = sensible_environment()
    if stream.isatty():
        return PlainConsole(file=stream, _environ=environment)
    trimmed = cast("IO[str]", Trimmed(stream))
    return PlainConsole(file=trimmed, width=read_columns() or UNBOUNDED, _environ=environment)


def count_fitting_rows(console: Console, stream: IO[str], taken: int) -> int:
    """Return how many rows a terminal has room for beside ``taken`` lines; 20 elsewhere."""
    if not stream.isatty():
        return ROWS_IN_A_PIPE
    return max(FEWEST, console.height - taken - AROUND)


def record_console(
    width: int, height: int | None = None, *, no_color: bool | None = None
) -> Console:
    """Return a console of so many cells that records what it prints, for a file.

    Without ``no_color`` the environment decides whether there are colours.
    """
    return Console(
        file=StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
        no_color=no_color,
        width=width,
        height=height,
        legacy_windows=False,
        _environ=sensible_environment(),
    )


def lines_of(renderable: RenderableType, width: int) -> list[Text]:
    """Return what Rich makes of something in so many cells, as lines of text with styles."""
    environment = sensible_environment()
    console = Console(file=StringIO(), width=width, color_system="truecolor", _environ=environment)
    lines = []
    for segments in console.render_lines(renderable, pad=False):
        line = Text()
        for segment in segments:
            if not segment.control:
                line.append(segment.text, segment.style or "")
        lines.append(line)
    return lines


def print_table(
    snapshot: Snapshot, view: View, stream: IO[str], remarks: Sequence[str] = ()
) -> None:
    """Print a snapshot to a stream as a table, with remarks after it.

    A terminal's size decides which columns there are and, without a limit, how many
    rows.  Elsewhere there are 20 rows, as wide as they need or as ``COLUMNS`` says.
    """
    console = console_for(stream)
    above = write_heading(snapshot)
    taken = 0
    if stream.isatty():
        below = write_caption(
            select_rows(snapshot, view.selection, 1), view.selection.sort, remarks
        )
        taken = len(console.render_lines(above)) + len(console.render_lines(below))
    room = count_fitting_rows(console, stream, taken)
    selected = select_rows(snapshot, view.selection, room)
    console.print(above, "", sep="\n")
    if selected.matching:
        table = type_table(selected, console.width, threads=view.threads)
        console.print(table, "", sep="\n")
    console.print(write_caption(selected, view.selection.sort, remarks))
