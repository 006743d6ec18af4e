"""`inspector dump`: one reading, printed."""

from __future__ import annotations

import sys
from functools import partial
from io import TextIOWrapper
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer looks at the annotations

import inspector
from inspector.cli import options
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
) -> None:
    """Print the true refcounts of a process's types."""
    context.obj.append(partial(show, pid, options.view(sort, filters, limit, threads, as_json)))


def show(pid: int | None, view: View) -> None:
    """Read a process, by default this one, and write it to standard output."""
    snapshot = inspector.attach(pid).snapshot()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    write(snapshot, view, sys.stdout)
