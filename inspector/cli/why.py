"""`inspector why`: what keeps the threads of a process apart."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

import inspector
from inspector.cli import options
from inspector.cli.completion import complete_pids, complete_words
from inspector.errors import FaultFound
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from inspector.analysis.thread_time import Finding

__all__ = ["why"]

KINDS: Final = ("stop-the-world", "gil", "lock", "object", "type")
LEAST_SHARE: Final = 0.05
"""Of the threads' time that a finding must cost before ``--fail-on`` counts it."""
LEAST_HEAT: Final = 0.3
"""Share of samples in which a count must change, where its cost is not known."""


def _known_kinds(words: str | None) -> str | None:
    """Refuse words that are no kind of finding."""
    for word in (words or KINDS[0]).split(","):
        if word.strip() not in KINDS:
            raise typer.BadParameter(f"{word.strip()!r} is none of {', '.join(KINDS)}")
    return words


def why(
    context: typer.Context,
    pid: Annotated[
        int,
        typer.Argument(
            metavar="PID",
            parser=options.process_id,
            autocompletion=complete_pids,
            help="The process.",
        ),
    ],
    *,
    duration: Annotated[
        float,
        typer.Option(
            "--duration",
            metavar="SECONDS",
            min=0.01,
            max=options.LONGEST,
            callback=options.refuse_nan,
            help="Watch for this long.",
        ),
    ] = 5.0,
    rate: Annotated[
        float,
        typer.Option(
            "--rate",
            metavar="HZ",
            min=1,
            max=10_000,
            callback=options.refuse_nan,
            help="Most samples per second.",
        ),
    ] = 1000.0,
    as_json: options.JsonOption = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="KIND[,KIND]",
            callback=_known_kinds,
            autocompletion=complete_words(KINDS),
            help=f"End with status 9 if one of these costs 5 % or more of the threads' time, or, "
            f"where its cost is unknown, changes in 30 % of the samples: {', '.join(KINDS)}.",
        ),
    ] = None,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Say why the threads of a process do not run side by side.

    Watches the process for some seconds without stopping it. Finds stops of the world and who
    requests them, the GIL and what enabled it, locks with the lines that wait for them, and
    objects and types whose reference counts several threads change. The finding that costs the
    threads most time comes first.
    """
    kinds = [word.strip() for word in fail_on.split(",")] if fail_on else []
    context.obj.append(
        partial(print_findings, pid, (duration, rate, pause_limit), kinds, as_json=as_json)
    )


def print_findings(
    pid: int, limits: tuple[float, float, float], fail_on: list[str], *, as_json: bool
) -> None:
    """Watch a process and write what was found to standard output.

    Raises :class:`FaultFound` for a finding that is to fail.
    """
    from inspector.diagnosis.why import watch_threads
    from inspector.screen.progress import show_sampling

    duration, rate, pause_limit = limits
    with announce_wait("attaching to", pid):
        target = inspector.attach(pid, pause_limit=pause_limit)
    with show_sampling(duration) as tell:
        found = watch_threads(target, duration=duration, rate=rate, tell=tell)
    with standard_output() as stream:
        if as_json:
            stream.write(json.dumps(found.as_dict()) + "\n")
        else:
            from inspector.screen.console import console_for
            from inspector.screen.why import why_view

            console_for(stream).print(why_view(found))
    bad = [finding for finding in found.findings if finding.kind in fail_on and is_costly(finding)]
    if bad:
        costs = ", ".join(describe_cost(finding) for finding in bad)
        raise FaultFound(f"threads are kept apart: {costs}")


def is_costly(finding: Finding) -> bool:
    """Whether a finding costs enough to fail on."""
    if finding.share is None:
        return (finding.heat or 0.0) >= LEAST_HEAT
    return finding.share >= LEAST_SHARE


def describe_cost(finding: Finding) -> str:
    """Return the kind of a finding, and its share, or its heat where that is unknown."""
    if finding.share is None:
        return f"{finding.kind} ({finding.name}, changes in {finding.heat or 0.0:.0%})"
    return f"{finding.kind} ({finding.share:.0%})"
