"""The dashboard on the terminal at hand, or as plain tables where there is none."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Final

from inspector.screen.dashboard.heading import head_lines
from inspector.screen.dashboard.loop import watch_source
from inspector.screen.dashboard.paint import has_unicode
from inspector.screen.dashboard.state import Size
from inspector.screen.dashboard.table import table_lines
from inspector.screen.dashboard.terminal import Terminal
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from inspector.screen.export import export_text, write_export
from inspector.screen.sizes import read_columns
from inspector.screen.streams import has_terminal, standard_output

if TYPE_CHECKING:
    from inspector.screen.dashboard.sources import Source
    from inspector.screen.dashboard.state import State
    from inspector.screen.dashboard.watch_options import WatchOptions

__all__ = ["is_drawn", "print_readings", "show_source"]

ROWS_IN_A_PIPE: Final = 20
WIDTH_OF_A_PIPE: Final = 120
LEAST_HEIGHT: Final = 5


def is_drawn(watch_options: WatchOptions) -> bool:
    """Whether there is a terminal, and it is wanted."""
    return not watch_options.once and not watch_options.json and has_terminal()


def show_source(state: State, source: Source, watch_options: WatchOptions) -> None:
    """Show a source until somebody leaves or the time is up; then export it, if asked to.

    Without a terminal, or once, or as JSON, readings are printed instead.
    """
    state = replace(state, unicode=has_unicode())
    if not is_drawn(watch_options):
        state = print_readings(state, source, watch_options)
    else:
        with Terminal(0, 1, signals=True) as terminal:
            # The first reading may take seconds.
            empty = clamp_scroll(replace(state, size=terminal.size()))
            terminal.draw(screen_lines(empty), anew=True)
            state = watch_source(
                state, source, terminal, clock=time.monotonic, duration=watch_options.duration
            )
    if watch_options.export:
        write_export(state, watch_options.export)


def print_readings(state: State, source: Source, watch_options: WatchOptions) -> State:
    """Print a table or a document per reading; return the last state."""
    begin = due = time.monotonic()
    state = replace(state, paused=False)
    while True:
        before = state.history
        state = source.advance(state, due=True)
        state = replace(state, size=_measure_output(state))
        with standard_output() as stream:
            if watch_options.json and state.history is not before:
                stream.write(export_text(state, "-.json"))
            elif not watch_options.json:
                _print_table(state, stream)
        playing = state.playing
        if watch_options.once or state.ended or (playing and playing.number == playing.count - 1):
            return state
        due = max(due + source.delay(state), time.monotonic())
        if watch_options.duration is not None and due > begin + watch_options.duration:
            return state
        time.sleep(max(0.0, due - time.monotonic()))


def _print_table(state: State, stream: IO[str]) -> None:
    """Print what is known now as lines of text."""
    for line in [*head_lines(state), *table_lines(replace(state, cursor=-1)), ""]:
        print(str(line).rstrip(), file=stream)


def _measure_output(state: State) -> Size:
    """Return as many cells as there are, and lines for as many rows as are wanted and there."""
    width, rows = read_columns() or WIDTH_OF_A_PIPE, ROWS_IN_A_PIPE
    if sys.stdout.isatty():
        size = os.get_terminal_size(sys.stdout.fileno())
        width = size.columns or WIDTH_OF_A_PIPE
        rows = max(LEAST_HEIGHT, size.lines - 6)
    if state.limit is not None:
        rows = min(state.limit or len(state.order), len(state.order))
    # Beside the rows: the heads of both, and a footer that is not printed.
    return Size(width, rows + 5 + state.threads)
