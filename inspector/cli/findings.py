"""`inspector PID`: what deserves attention in a process, on one page."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

import inspector
from inspector.analysis.findings import KINDS
from inspector.cli import options
from inspector.cli.command import Command
from inspector.cli.completion import complete_words
from inspector.errors import FaultFound
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from collections.abc import Collection

    from inspector.cli.command import Own

__all__ = ["FindingsCommand", "findings"]

LEAST_SHARE: Final = 0.05
"""Of the threads' time that a finding must cost before ``--fail-on`` counts it."""


class FindingsCommand(Command):
    """The command that is chosen by a PID in the place of a verb."""

    def make_context(self, info_name: str | None, *arguments: Own, **settings: Own) -> Own:
        """Return the context of a command line, whose help says how it is written."""
        del info_name
        return super().make_context("PID", *arguments, **settings)

    def collect_usage_pieces(self, ctx: Own) -> list[str]:
        """Return what may follow the PID."""
        return super().collect_usage_pieces(ctx)[:1]


def findings(
    context: typer.Context,
    pid: options.RequiredPidArgument,
    *,
    duration: Annotated[
        float,
        typer.Option(
            "--duration",
            metavar="SECONDS",
            min=0.5,
            max=options.LONGEST,
            callback=options.refuse_nan,
            help="Watch for this long.",
        ),
    ] = 5.0,
    as_json: options.JsonOption = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="KIND[,KIND]",
            callback=options.words_among(KINDS),
            autocompletion=complete_words(KINDS),
            help=f"End with status 9 if there is one of these: {', '.join(KINDS)}. What keeps "
            "threads apart counts from 5 % of their time on.",
        ),
    ] = None,
    blocking: Annotated[
        bool,
        typer.Option(
            "--blocking",
            help="Stop the process twice, to find references that are lost meanwhile.",
        ),
    ] = False,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Say what grows in a process, and what keeps its threads apart.

    Watches the process for some seconds, without stopping it unless it is asked to. On a
    terminal the first lines come after two seconds. Each finding names the command that tells
    more.
    """
    kinds = options.split_words(fail_on)
    context.obj.append(
        partial(print_first_look, pid, duration, pause_limit, kinds, as_json, blocking=blocking)
    )


def print_first_look(
    pid: int,
    duration: float,
    pause_limit: float,
    fail_on: Collection[str],
    as_json: bool,
    *,
    blocking: bool,
) -> None:
    """Watch a process and write what was found to standard output.

    Raises :class:`FaultFound` for a finding that is to fail.
    """
    with announce_wait("attaching to", pid):
        target = inspector.attach(pid, pause_limit=pause_limit)
    from inspector.diagnosis.findings import look_at_process

    with standard_output() as stream:
        looks = look_at_process(
            target, duration=duration, pause_limit=pause_limit if blocking else None
        )
        if as_json:
            *_, look = looks
            stream.write(json.dumps(look.as_dict()) + "\n")
        else:
            from inspector.screen.findings import print_looks

            look = print_looks(looks, stream)
    bad = [
        finding
        for finding in look.findings
        if finding.kind in fail_on and (finding.share is None or finding.share >= LEAST_SHARE)
    ]
    if bad:
        names = ", ".join(f"{finding.kind} {finding.name}".strip() for finding in bad)
        raise FaultFound(f"this deserves attention: {names}")
