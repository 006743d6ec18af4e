"""`inspector attach`: a process watched live, or as tables where there is no terminal."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import inspector
from inspector.cli import options
from inspector.cli.show import Manner
from inspector.reader.target import PAUSE_LIMIT, RETRIES
from inspector.screen.dashboard.course import SUFFIXES, Course
from inspector.screen.dashboard.state import BOARD_SORTS, FASTEST, SLOWEST, State
from inspector.screen.patience import patience
from inspector.screen.selection import kinds_of

if TYPE_CHECKING:
    from inspector.reader.anatomy import Anatomy
    from inspector.snapshots.snapshot import Snapshot

__all__ = [
    "BoardSortOption",
    "DurationOption",
    "ExportOption",
    "IntervalOption",
    "OnceOption",
    "attach",
]


def _known_suffix(path: str | None) -> str | None:
    """Refuse a file of no known format before there is anything to lose."""
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{path!r} ends in none of {', '.join(SUFFIXES)}")
    return path


def _sort_key(word: str) -> str:
    """Return what rows are sorted by; ``heat`` is what updates were called before."""
    return options.one_of(BOARD_SORTS)("updates" if word == "heat" else word)


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
        callback=options.a_number,
        help="Read this often.",
    ),
]
DurationOption = Annotated[
    float | None,
    typer.Option(
        "--duration",
        metavar="SECONDS",
        min=0,
        max=options.LONGEST,
        callback=options.a_number,
        help="Stop after this long.",
    ),
]
OnceOption = Annotated[bool, typer.Option("--once", help="One reading, printed.")]
ExportOption = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="FILE",
        callback=_known_suffix,
        help="Write what is shown last to FILE.svg, .html, .json, .csv or .md.",
    ),
]


def attach(  # noqa: PLR0913 - a parameter per option
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    interval: IntervalOption = 1.0,
    duration: DurationOption = None,
    once: OnceOption = False,
    sort: BoardSortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    export: ExportOption = None,
    kind: options.KindOption = "type",
    blocking: options.BlockingOption = False,
    interpreter: options.InterpreterOption = None,
    retries: options.RetriesOption = RETRIES,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Watch a process live; h tells the keys, q quits.

    Where there is no terminal a table is printed per interval. When the process ends
    the last view stays.
    """
    state = State(
        sort=sort,
        patterns=tuple(filters or ()),
        limit=limit,
        threads=threads,
        interval=interval,
        kind=kind,
    )
    manner = Manner(blocking, interpreter, retries, pause_limit)
    context.obj.append(
        partial(start, pid, manner, state, Course(once, duration, export or "", as_json))
    )


def start(pid: int | None, manner: Manner, state: State, course: Course) -> None:
    """Show the dashboard."""
    from inspector.reader.background_sampler import Background  # noqa: PLC0415 - not for --help
    from inspector.screen.dashboard.sources import Live  # noqa: PLC0415 - likewise
    from inspector.screen.dashboard.start import show  # noqa: PLC0415 - likewise

    with patience("attaching to", pid):
        target = inspector.attach(pid, pause_limit=manner.pause_limit)

    def read(kind: str) -> Snapshot:
        return target.snapshot(**manner._replace(kinds=kinds_of(kind))._asdict())

    def look(address: int) -> Anatomy:
        return target.anatomy(address, blocking=manner.blocking, pause_limit=manner.pause_limit)

    with ExitStack() as stack:
        background = None
        if not target.is_own and not course.once:
            background = stack.enter_context(closing(Background(target.sampler)))
        show(state, Live(read, look, background), course)
