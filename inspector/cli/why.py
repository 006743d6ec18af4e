"""`inspector why`: what keeps the threads of a process apart."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from inspector.cli import options
from inspector.cli.completion import complete_words
from inspector.cli.record import RecordCommand, SubjectArgument
from inspector.cli.why_request import KINDS, WhyRequest, print_findings
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.why_export import WHY_SUFFIXES

__all__ = ["WhyCommand", "why"]


def _known_suffix(path: str | None) -> str | None:
    """Refuse a file of no known format before anything is watched."""
    if path is not None and not path.lower().endswith(WHY_SUFFIXES):
        raise typer.BadParameter(f"{path!r} ends in none of {', '.join(WHY_SUFFIXES)}")
    return path


class WhyCommand(RecordCommand):
    """The command of a process, or of a program to start."""


ThreadOption = Annotated[
    list[int] | None,
    typer.Option(
        "--thread",
        metavar="ID",
        min=1,
        help="Count only this thread, by its native id, as dump --threads shows it; may be "
        "repeated.",
    ),
]
FailOption = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="KIND[,KIND]",
        callback=options.words_among(KINDS),
        autocompletion=complete_words(KINDS),
        help=f"End with status 9 if one of these costs 5 % or more of the threads' time, or, "
        f"where its cost is unknown, changes in 30 % of the samples: {', '.join(KINDS)}.",
    ),
]
ExportOption = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="FILE",
        callback=_known_suffix,
        help=f"Also write a file; its name ends in {', '.join(WHY_SUFFIXES)}.",
    ),
]
RateOption = Annotated[
    float,
    typer.Option(
        "--rate",
        metavar="HZ",
        min=1,
        max=10_000,
        callback=options.refuse_nan,
        help="Most samples per second.",
    ),
]


def why(
    context: typer.Context,
    subject: SubjectArgument,
    *,
    duration: options.DurationOption = None,
    rate: RateOption = 1000.0,
    threads: ThreadOption = None,
    as_json: options.JsonOption = False,
    export: ExportOption = None,
    fail_on: FailOption = None,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Say why the threads of a process do not run side by side.

    Watches the process without stopping it: for 5 seconds, or for --duration. A program is
    started and watched until it ends. Finds stops of the world and who requests them, the GIL
    and what enabled it, locks with the lines that wait for them, and objects and types whose
    reference counts several threads change. What costs the threads most time comes first.
    """
    kinds = options.split_words(fail_on)
    chosen = tuple(threads or ())
    request = WhyRequest(duration, rate, pause_limit, chosen, as_json, export, kinds)
    context.obj.append(partial(print_findings, subject, request))
