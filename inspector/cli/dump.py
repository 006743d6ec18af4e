"""`inspector dump`: one reading, printed."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import inspector
from inspector.census.target import PAUSE_LIMIT, RETRIES
from inspector.cli import options
from inspector.cli.manner import (
    BlockingOption,
    InterpreterOption,
    KindOption,
    Manner,
    PauseLimitOption,
    RetriesOption,
    kinds_of,
)
from inspector.screen.streams import standard_output
from inspector.screen.text import duration
from inspector.screen.view import write

if TYPE_CHECKING:
    from inspector.screen.view import View

__all__ = ["dump", "show"]


PoolOption = Annotated[
    bool,
    typer.Option("--pool", help="The ids in use, and every thread's array, instead of objects."),
]


def dump(  # noqa: PLR0913 - a parameter per option
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    sort: options.SortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    kind: KindOption = "type",
    pool: PoolOption = False,
    blocking: BlockingOption = False,
    interpreter: InterpreterOption = None,
    retries: RetriesOption = RETRIES,
    pause_limit: PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print the true refcounts of a process's types."""
    view = options.view(sort, filters, limit, threads, as_json)
    manner = Manner(blocking, interpreter, retries, pause_limit, kinds_of(kind))
    context.obj.append(partial(show_pool if pool else show, pid, view, manner))


def show(pid: int | None, view: View, manner: Manner) -> None:
    """Read a process, by default this one, and write it to standard output."""
    target = inspector.attach(pid, pause_limit=manner.pause_limit)
    snapshot = target.snapshot(**asdict(manner))
    with standard_output() as stream:
        write(snapshot, view, stream, remarks(target.discovery_pause_ns))


def show_pool(pid: int | None, view: View, manner: Manner) -> None:
    """Read a process and write its pools and its threads' arrays to standard output."""
    target = inspector.attach(pid, pause_limit=manner.pause_limit)
    snapshot = target.snapshot(**asdict(manner))
    with standard_output() as stream:
        if view.json:
            document = snapshot.as_dict()
            del document["objects"]
            stream.write(json.dumps(document) + "\n")
            return
        from inspector.screen.console import console_for  # noqa: PLC0415 - Rich is not for JSON
        from inspector.screen.pool import pool_view  # noqa: PLC0415 - likewise
        from inspector.screen.tables import heading  # noqa: PLC0415 - likewise

        console_for(stream).print(heading(snapshot), "", pool_view(snapshot), sep="\n")


def remarks(discovery_pause_ns: int | None) -> tuple[str, ...]:
    """Return what a user should know beside the table."""
    if discovery_pause_ns is None:
        return ()
    return (f"the process was stopped for {duration(discovery_pause_ns)} to find its layout",)
