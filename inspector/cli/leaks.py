"""`inspector leaks`: references that no word of a process's memory holds."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

import inspector
from inspector.analysis.leak_growth import compare_leaks, find_faults, select_leaks
from inspector.cli import options
from inspector.cli.completion import complete_words
from inspector.cli.histo import MemoryOption
from inspector.errors import FaultFound
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.selection import make_matcher
from inspector.screen.streams import standard_output
from inspector.screen.text import list_names
from inspector.screen.waiting import announce_wait
from inspector.snapshots.heap import IMAGE_MEMORY
from inspector.snapshots.leaks import read_leaks_file

if TYPE_CHECKING:
    from inspector.snapshots.leaks import Leaks

__all__ = ["ValuesOption", "leaks"]

MEGABYTE: Final = 1 << 20
FAULTS: Final = ("lost", "orphans", "growing")

ValuesOption = Annotated[
    bool,
    typer.Option(
        "--show-values",
        help="Show strings, bytes, integers and dictionary keys, which may be secrets.",
    ),
]


class LeakQuestion(NamedTuple):
    """What a user wants to know."""

    pid: int
    blocking: bool
    pause_limit: float
    memory: int
    """Bytes."""
    values: bool
    garbage: bool
    interval: float | None
    baseline: str | None
    filters: tuple[str, ...]
    limit: int | None
    faults: tuple[str, ...]


def leaks(
    context: typer.Context,
    pid: options.RequiredPidArgument,
    *,
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    as_json: options.JsonOption = False,
    blocking: options.BlockingOption = False,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            metavar="SECONDS",
            min=0.01,
            max=options.LONGEST,
            callback=options.refuse_nan,
            help="Read twice, so long apart, and show what was lost in between.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="Show what was lost since this document of leaks --json.",
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="KIND[,KIND]",
            callback=options.words_among(FAULTS),
            autocompletion=complete_words(FAULTS),
            help="End with status 9 if there are lost references of types (lost), orphans, or "
            "either growing between two readings. Needs --blocking.",
        ),
    ] = None,
    show_values: ValuesOption = False,
    garbage: Annotated[
        bool,
        typer.Option(
            "--garbage",
            help="Also count what awaits a collection, and what hangs on orphans; slow.",
        ),
    ] = False,
    memory: MemoryOption = IMAGE_MEMORY // MEGABYTE,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Show references that no word of a process's memory holds: native code lost them.

    With --blocking the process stands still while its memory is copied, and what is shown is
    proved. Without, objects are candidates, marked ~. Orphans are objects with more references
    than words that hold them. Many packages lose some at import, once: --interval or --baseline
    shows what is being lost.
    """
    if interval is not None and baseline is not None:
        raise typer.BadParameter("--interval and --baseline exclude each other")
    if fail_on and not blocking:
        raise typer.BadParameter("--fail-on needs --blocking: nothing else is proved")
    faults = options.split_words(fail_on)
    if "growing" in faults and interval is None and baseline is None:
        raise typer.BadParameter("--fail-on growing needs --interval or --baseline")
    question = LeakQuestion(
        pid=pid,
        blocking=blocking,
        pause_limit=pause_limit,
        memory=memory * MEGABYTE,
        values=show_values,
        garbage=garbage,
        interval=interval,
        baseline=baseline,
        filters=tuple(filters or ()),
        limit=limit,
        faults=faults,
    )
    context.obj.append(partial(print_leaks, question, as_json=as_json))


def print_leaks(question: LeakQuestion, *, as_json: bool) -> None:
    """Read a process and write what it has lost to standard output.

    Raises :class:`FaultFound` for what is to fail.
    """
    before = read_leaks_file(question.baseline) if question.baseline else None
    with announce_wait("reading", question.pid):
        target = inspector.attach(question.pid, pause_limit=question.pause_limit)

        def read() -> Leaks:
            return target.leaks(
                blocking=question.blocking,
                pause_limit=question.pause_limit,
                memory=question.memory,
                values=question.values,
                garbage=question.garbage,
            )

        found = read()
        if question.interval is not None:
            time.sleep(question.interval)
            before, found = found, read()
    if before is not None:
        found = compare_leaks(before, found)
    found = select_leaks(found, make_matcher(question.filters))
    with standard_output() as stream:
        if as_json:
            most = question.limit or None
            shown = found._replace(types=found.types[:most], orphans=found.orphans[:most])
            stream.write(json.dumps(shown.as_dict()) + "\n")
        else:
            from inspector.screen.leaks import print_leaks_view

            print_leaks_view(found, question.limit, stream)
    faults = find_faults(found, question.faults)
    if faults:
        raise FaultFound(f"references are lost: {list_names(faults)}")
