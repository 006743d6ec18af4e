"""What the verbs have in common on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from inspector.screen.selection import SORTS, Selection, View
from inspector.snapshots.snapshot import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = [
    "DAY",
    "LONGEST",
    "BlockingOption",
    "FilterOption",
    "InterpreterOption",
    "JsonOption",
    "KindOption",
    "LimitOption",
    "PauseLimitOption",
    "PidArgument",
    "RetriesOption",
    "SortOption",
    "ThreadsOption",
    "a_number",
    "is_pid",
    "one_of",
    "view",
]


LONGEST: Final = 1e9
"""Seconds: thirty years, which every clock can tell."""
DAY: Final = 86_400.0
"""Seconds."""
LONGEST_PID: Final = 20
"""Digits."""


def a_number(given: object) -> object:
    """Refuse what is no number, and so in no range and out of none; for options of type float."""
    numbers = given if isinstance(given, list | tuple) else [given]
    if any(each != each for each in numbers):  # noqa: PLR0124 - true of nan only
        raise typer.BadParameter("nan is no number")
    return given


def is_pid(word: str) -> bool:
    """Whether a word that may stand for a process or for something else is a process id."""
    return word.isascii() and word.isdecimal() and len(word) <= LONGEST_PID


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """Return what refuses every word but these."""

    def known(word: str) -> str:
        if word not in names:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(names)}")
        return word

    return known


PidArgument = Annotated[
    int | None,
    typer.Argument(metavar="[PID]", min=1, help="The process; by default this one itself."),
]
SortOption = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="KEY",
        callback=one_of(SORTS),
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


BlockingOption = Annotated[
    bool,
    typer.Option(
        "--blocking",
        help="Stop the process for the moment of the reading: exact, with what is on its stacks.",
    ),
]
InterpreterOption = Annotated[
    int | None,
    typer.Option(
        "--interpreter", metavar="ID", min=0, help="Only this interpreter; by default all."
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries",
        metavar="N",
        min=0,
        help="Look up to N times more at what moved while it was read.",
    ),
]
PauseLimitOption = Annotated[
    float,
    typer.Option(
        "--pause-limit",
        metavar="SECONDS",
        min=0.001,
        max=DAY,
        callback=a_number,
        help="Never stop the process for longer.",
    ),
]


KindOption = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="KIND",
        callback=one_of((*KINDS, "all")),
        autocompletion=lambda: [*KINDS, "all"],
        help="What is listed: type, code (objects, by file and line), dict (of modules), "
        "all of these, or static (types, which nobody counts).",
    ),
]


def view(
    sort: str,
    filters: list[str] | None,
    limit: int | None,
    threads: bool,  # noqa: FBT001 - an option as typer hands it over
    as_json: bool,  # noqa: FBT001 - likewise
) -> View:
    """Return what the options for a report say."""
    return View(Selection(sort, tuple(filters or ()), limit), threads, as_json)
