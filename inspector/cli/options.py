"""What the verbs have in common on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from inspector.screen.selection import SORTS, Selection
from inspector.screen.view import View

__all__ = [
    "FilterOption",
    "JsonOption",
    "LimitOption",
    "PidArgument",
    "SortOption",
    "ThreadsOption",
    "view",
]


def _known_sort(name: str) -> str:
    """Refuse what rows cannot be sorted by."""
    if name not in SORTS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(SORTS)}")
    return name


PidArgument = Annotated[
    int | None,
    typer.Argument(metavar="[PID]", min=1, help="The process; by default this one itself."),
]
SortOption = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="KEY",
        callback=_known_sort,
        autocompletion=lambda: list(SORTS),
        help=f"Sort by {', '.join(SORTS)}: the largest first, signs aside.",
    ),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="GLOB",
        help="Only names that match, as app.* or deque; may be repeated.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=0,
        help="At most N rows, 0 for all. By default what fits the terminal, 20 rows in a "
        "pipe, and all of them as JSON.",
    ),
]
ThreadsOption = Annotated[bool, typer.Option("--threads", help="A column per thread.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on one line.")]


def view(
    sort: str,
    filters: list[str] | None,
    limit: int | None,
    threads: bool,  # noqa: FBT001 - an option as typer hands it over
    as_json: bool,  # noqa: FBT001 - likewise
) -> View:
    """Return what the options for a report say."""
    return View(Selection(sort, tuple(filters or ()), limit), threads, as_json)
