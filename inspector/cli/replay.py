"""`inspector replay`: a recording in the dashboard."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from inspector.cli import options
from inspector.screen.dashboard.state import State
from inspector.screen.dashboard.watch_options import WatchOptions

__all__ = ["FileArgument", "replay"]

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A file written by inspector record.")
]
SpeedOption = Annotated[
    float,
    typer.Option(
        "--speed",
        metavar="FACTOR",
        min=0.25,
        max=64,
        callback=options.refuse_nan,
        help="Speed of the replay.",
    ),
]
ReadingOption = Annotated[
    int | None,
    typer.Option(
        "--reading",
        metavar="N",
        help="Begin at the Nth reading; -1 is the last. With --once, print that reading; by "
        "default the last.",
    ),
]


def replay(
    context: typer.Context,
    file: FileArgument,
    *,
    speed: SpeedOption = 1.0,
    reading: ReadingOption = None,
    once: options.OnceOption = False,
    sort: options.BoardSortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    export: options.ExportOption = None,
) -> None:
    """Play a recording in the dashboard; without a terminal, print all of its readings."""
    state = State(sort=sort, patterns=tuple(filters or ()), limit=limit, threads=threads)
    watch_options = WatchOptions(once, None, export or "", as_json)
    number = reading if reading is not None else -1 if once else 1
    context.obj.append(partial(start_replay, file, number, speed, state, watch_options))


def start_replay(
    path: str, number: int, speed: float, state: State, watch_options: WatchOptions
) -> None:
    """Open a recording and show it."""
    from inspector.screen.dashboard.replay import Replay, begin_replay
    from inspector.screen.dashboard.show import is_drawn, show_source
    from inspector.snapshots.recording import RecordingReader

    with RecordingReader(path) as reader:
        place = number - 1 if number > 0 else len(reader) + number
        place = max(0, min(place, len(reader) - 1))
        state = begin_replay(state, reader, place, speed)
        show_source(state, Replay(reader, hurry=not is_drawn(watch_options)), watch_options)
