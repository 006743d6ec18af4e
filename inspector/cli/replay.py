"""`inspector replay`: a recording in the dashboard."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from inspector.cli import options
from inspector.cli.attach import BoardSortOption, ExportOption, OnceOption  # noqa: TC001 - likewise
from inspector.screen.dashboard.course import Course
from inspector.screen.dashboard.state import State

__all__ = ["FileArgument", "replay"]

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="What record wrote.")]
SpeedOption = Annotated[
    float,
    typer.Option(
        "--speed",
        metavar="FACTOR",
        min=0.25,
        max=64,
        callback=options.a_number,
        help="How fast to play.",
    ),
]
ReadingOption = Annotated[
    int | None,
    typer.Option(
        "--reading",
        metavar="N",
        help="Begin at the Nth reading; -1 is the last. With --once print that one, by default "
        "the last.",
    ),
]


def replay(  # noqa: PLR0913 - a parameter per option
    context: typer.Context,
    file: FileArgument,
    *,
    speed: SpeedOption = 1.0,
    reading: ReadingOption = None,
    once: OnceOption = False,
    sort: BoardSortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    export: ExportOption = None,
) -> None:
    """Play a recording in the dashboard; without a terminal, print all of its readings."""
    state = State(sort=sort, patterns=tuple(filters or ()), limit=limit, threads=threads)
    course = Course(once, None, export or "", as_json)
    number = reading if reading is not None else -1 if once else 1
    context.obj.append(partial(start, file, number, speed, state, course))


def start(path: str, number: int, speed: float, state: State, course: Course) -> None:
    """Open a recording and show it."""
    from inspector.screen.dashboard.replay import Replay, replayed  # noqa: PLC0415 - likewise
    from inspector.screen.dashboard.start import is_drawn, show  # noqa: PLC0415 - likewise
    from inspector.snapshots.recording import Reader  # noqa: PLC0415 - not for --help

    with Reader(path) as reader:
        place = number - 1 if number > 0 else len(reader) + number
        place = max(0, min(place, len(reader) - 1))
        state = replayed(state, reader, place, speed)
        show(state, Replay(reader, hurry=not is_drawn(course)), course)
