"""`inspector histo`: how many instances of each type a process has."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

import inspector
from inspector.cli import options
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.selected_types import HISTOGRAM_SORTS, TypeSelection, select_types
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait
from inspector.snapshots.heap import MEMORY

__all__ = ["MemoryOption", "histo"]

MEGABYTE = 1 << 20

SortOption = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="KEY",
        callback=options.one_of(HISTOGRAM_SORTS),
        autocompletion=lambda: list(HISTOGRAM_SORTS),
        help=f"Sort by {', '.join(HISTOGRAM_SORTS)}: the largest first.",
    ),
]
MemoryOption = Annotated[
    int,
    typer.Option(
        "--memory",
        metavar="MB",
        min=1,
        help="Copy at most this much of the heap at a time; --blocking copies all of it at once.",
    ),
]


def histo(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    sort: SortOption = "size",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    as_json: options.JsonOption = False,
    blocking: options.BlockingOption = False,
    memory: MemoryOption = MEMORY // MEGABYTE,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print how many instances of each type are alive, and how many bytes they take.

    Built-in types are included. No code runs in the process. While the process runs, the
    numbers are estimates, and LOW is a proved minimum. With --blocking they are exact.
    """
    choice = TypeSelection(sort, tuple(filters or ()), limit)
    context.obj.append(partial(print_types, pid, choice, as_json, blocking, memory, pause_limit))


def print_types(
    pid: int | None,
    choice: TypeSelection,
    as_json: bool,
    blocking: bool,
    memory: int,
    pause_limit: float,
) -> None:
    """Read a process and write its histogram to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=pause_limit)
        histogram = target.histogram(
            blocking=blocking, pause_limit=pause_limit, memory=memory * MEGABYTE
        )
    with standard_output() as stream:
        if as_json:
            chosen = select_types(histogram, choice, None)
            stream.write(json.dumps(chosen.histogram.as_dict()) + "\n")
            return
        from inspector.screen.histogram import print_histogram

        print_histogram(histogram, choice, stream)
