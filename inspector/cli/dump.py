"""`inspector dump`: one reading, printed."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from inspector.cli import options
from inspector.cli.show import ReadOptions, print_pool, print_snapshot
from inspector.reader.target import PAUSE_LIMIT, RETRIES
from inspector.screen.selection import kinds_of

__all__ = ["dump"]


PoolOption = Annotated[
    bool,
    typer.Option(
        "--pool", help="Print the unique ids in use and every thread's array instead of objects."
    ),
]


InstancesOption = Annotated[
    bool | None,
    typer.Option(
        "--instances/--no-instances",
        show_default=False,
        help="Read the heap, too: INSTANCES and BYTES of each type. By default only for a table "
        "on a terminal, as it takes a tenth of a second or more.",
    ),
]


def dump(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    sort: options.SortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    kind: options.KindOption = "type",
    pool: PoolOption = False,
    instances: InstancesOption = None,
    blocking: options.BlockingOption = False,
    interpreter: options.InterpreterOption = None,
    retries: options.RetriesOption = RETRIES,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print the true refcounts of a process's types."""
    view = options.make_view(sort, filters, limit, threads, as_json)
    read_options = ReadOptions(
        blocking, interpreter, retries, pause_limit, kinds_of(kind), instances
    )
    context.obj.append(partial(print_pool if pool else print_snapshot, pid, view, read_options))
