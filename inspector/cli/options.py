"""What the verbs have in common on the command line."""

from __future__ import annotations

import os
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inspector.cli.choose import OWN
from inspector.cli.completion import complete_pids
from inspector.screen.dashboard.watch_options import BOARD_SORTS, FASTEST, SLOWEST, SUFFIXES
from inspector.screen.selection import HEAP_SORTS, SORTS, Selection, View
from inspector.snapshots.snapshot import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = [
    "DAY",
    "LONGEST",
    "BlockingOption",
    "BoardSortOption",
    "DurationOption",
    "ExportOption",
    "FilterOption",
    "InterpreterOption",
    "IntervalOption",
    "JsonOption",
    "KindOption",
    "LimitOption",
    "OnceOption",
    "PauseLimitOption",
    "PidArgument",
    "RequiredPidArgument",
    "RetriesOption",
    "SortOption",
    "ThreadsOption",
    "is_pid",
    "make_view",
    "one_of",
    "process_id",
    "refuse_nan",
    "split_words",
    "words_among",
]


LONGEST: Final = 1e9
"""Seconds: thirty years, which every clock can tell."""
DAY: Final = 86_400.0
"""Seconds."""
LONGEST_PID: Final = 20
"""Digits."""


def refuse_nan(given: object) -> object:
    """Refuse what is no number, and so in no range and out of none; for options of type float."""
    numbers = given if isinstance(given, list | tuple) else [given]
    for number in numbers:
        if isinstance(number, float) and isnan(number):
            raise typer.BadParameter("nan is not a number")
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


def words_among(names: Collection[str]) -> Callable[[str | None], str | None]:
    """Return what refuses words, with commas in between, that are none of these."""
    check = one_of(names)

    def check_all(words: str | None) -> str | None:
        for word in words.split(",") if words else ():
            check(word.strip())
        return words

    return check_all


def split_words(words: str | None) -> tuple[str, ...]:
    """Return the words of an option that has commas in between; none where it is not given."""
    return tuple(word.strip() for word in words.split(",")) if words else ()


def process_id(word: str | int) -> int:
    """Return a process id, the own one for the word ``self``; refuse what is none."""
    if word == OWN:
        return os.getpid()
    if isinstance(word, str) and not is_pid(word):
        number = f"a number of at most {LONGEST_PID} digits" if word.isdecimal() else "a number"
        raise typer.BadParameter(f"PID must be {number}, not {word!r}")
    if int(word) < 1:
        raise typer.BadParameter("PID must be 1 or more")
    return int(word)


PidArgument = Annotated[
    int | None,
    typer.Argument(
        metavar="[PID]",
        parser=process_id,
        autocompletion=complete_pids,
        help="The process; by default inspector itself.",
    ),
]
RequiredPidArgument = Annotated[
    int,
    typer.Argument(
        metavar="PID", parser=process_id, autocompletion=complete_pids, help="The process."
    ),
]
SortOption = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="KEY",
        callback=one_of((*SORTS, *HEAP_SORTS)),
        autocompletion=lambda: [*SORTS, *HEAP_SORTS],
        help=f"Sort by {', '.join((*SORTS, *HEAP_SORTS))}: the largest first, signs aside.",
    ),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="GLOB",
        help="Show only names that match, such as app.* or deque; may be repeated.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=0,
        help="Show at most N rows, 0 for all. By default as many as fit the terminal, 20 in a "
        "pipe, and all as JSON.",
    ),
]
ThreadsOption = Annotated[bool, typer.Option("--threads", help="Show a column per thread.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on one line.")]


BlockingOption = Annotated[
    bool,
    typer.Option(
        "--blocking",
        help="Stop the process while it is read: exact, with the references on its stacks.",
    ),
]
InterpreterOption = Annotated[
    int | None,
    typer.Option(
        "--interpreter", metavar="ID", min=0, help="Read only this interpreter; by default all."
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries",
        metavar="N",
        min=0,
        help="Read again, up to N times, what changed while it was read.",
    ),
]
PauseLimitOption = Annotated[
    float,
    typer.Option(
        "--pause-limit",
        metavar="SECONDS",
        min=0.001,
        max=DAY,
        callback=refuse_nan,
        help="Longest time to stop the process at once.",
    ),
]


KindOption = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="KIND",
        callback=one_of((*KINDS, "all")),
        autocompletion=lambda: [*KINDS, "all"],
        help="What to list: type, code (code objects, by file and line), dict (module "
        "dictionaries), all (of these), or static (static types, which are not counted).",
    ),
]


def _known_suffix(path: str | None) -> str | None:
    """Refuse a file of no known format before there is anything to lose."""
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{path!r} ends in none of {', '.join(SUFFIXES)}")
    return path


def _sort_key(word: str) -> str:
    """Return what rows are sorted by; ``heat`` is what updates were called before."""
    return one_of(BOARD_SORTS)("updates" if word == "heat" else word)


BoardSortOption = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="KEY",
        callback=_sort_key,
        autocompletion=lambda: list(BOARD_SORTS),
        help=f"Sort by {', '.join(BOARD_SORTS)}: the largest first.",
    ),
]
IntervalOption = Annotated[
    float,
    typer.Option(
        "--interval",
        metavar="SECONDS",
        min=FASTEST,
        max=SLOWEST,
        callback=refuse_nan,
        help="Time between two readings.",
    ),
]
DurationOption = Annotated[
    float | None,
    typer.Option(
        "--duration",
        metavar="SECONDS",
        min=0,
        max=LONGEST,
        callback=refuse_nan,
        help="Stop after this long.",
    ),
]
OnceOption = Annotated[bool, typer.Option("--once", help="Print one reading and end.")]
ExportOption = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="FILE",
        callback=_known_suffix,
        help="At the end write the last view to FILE.svg, .html, .json, .csv or .md.",
    ),
]


def make_view(
    sort: str,
    filters: list[str] | None,
    limit: int | None,
    threads: bool,
    as_json: bool,
) -> View:
    """Return what the options for a report say."""
    return View(Selection(sort, tuple(filters or ()), limit), threads, as_json)
