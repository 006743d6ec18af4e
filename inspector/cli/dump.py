"""`inspector dump`: one reading, printed."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer looks at the annotations

import inspector
from inspector.census.target import PAUSE_LIMIT, RETRIES
from inspector.cli import options
from inspector.cli.manner import (
    BlockingOption,
    InterpreterOption,
    Manner,
    PauseLimitOption,
    RetriesOption,
)
from inspector.screen.streams import standard_output
from inspector.screen.text import duration
from inspector.screen.view import write

if TYPE_CHECKING:
    from inspector.screen.view import View

__all__ = ["dump", "show"]


def dump(  # noqa: PLR0913 - a parameter per option
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    sort: options.SortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    blocking: BlockingOption = False,
    interpreter: InterpreterOption = None,
    retries: RetriesOption = RETRIES,
    pause_limit: PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print the true refcounts of a process's types."""
    view = options.view(sort, filters, limit, threads, as_json)
    manner = Manner(blocking, interpreter, retries, pause_limit)
    context.obj.append(partial(show, pid, view, manner))


def show(pid: int | None, view: View, manner: Manner) -> None:
    """Read a process, by default this one, and write it to standard output."""
    target = inspector.attach(pid, pause_limit=manner.pause_limit)
    snapshot = target.snapshot(**asdict(manner))
    with standard_output() as stream:
        write(snapshot, view, stream, remarks(target.discovery_pause_ns))


def remarks(discovery_pause_ns: int | None) -> tuple[str, ...]:
    """Return what a user should know beside the table."""
    if discovery_pause_ns is None:
        return ()
    return (f"the process was stopped for {duration(discovery_pause_ns)} to find its layout",)
