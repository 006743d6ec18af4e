"""`inspector why`: what keeps the threads of a process apart."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

import inspector
from inspector.cli import options
from inspector.cli.completion import complete_words
from inspector.cli.record import RecordCommand, SubjectArgument
from inspector.errors import FaultFound, NoSuchObject, NoSuchTarget, TargetChanged
from inspector.launch.recorder import make_ended_error, start_program
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait
from inspector.screen.why_export import WHY_SUFFIXES, export_findings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen

    from inspector.analysis.thread_time import Finding
    from inspector.diagnosis.why import Parallelism
    from inspector.reader.target import Target

__all__ = ["WhyCommand", "why"]

DURATION: Final = 5.0
"""Seconds for which a process is watched."""

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
        callback=_known_kinds,
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


class WhyRequest(NamedTuple):
    """What is watched, for how long, and what is done with the findings."""

    duration: float | None = None
    rate: float = 1000.0
    pause_limit: float = PAUSE_LIMIT
    threads: tuple[int, ...] = ()
    as_json: bool = False
    export: str | None = None
    fail_on: tuple[str, ...] = ()


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
    kinds = tuple(word.strip() for word in fail_on.split(",")) if fail_on else ()
    chosen = tuple(threads or ())
    request = WhyRequest(duration, rate, pause_limit, chosen, as_json, export, kinds)
    context.obj.append(partial(print_findings, subject, request))


def print_findings(subject: Sequence[str], request: WhyRequest) -> None:
    """Watch a process, or a program from its start, and write what was found.

    Raises :class:`FaultFound` for a finding that is to fail.
    """
    child: Popen[bytes] | None = None
    duration = request.duration
    if len(subject) == 1 and options.is_pid(subject[0]):
        with announce_wait("attaching to", int(subject[0])):
            target = inspector.attach(int(subject[0]), pause_limit=request.pause_limit)
        duration = DURATION if duration is None else duration
    else:
        child, target = start_program(subject, request.pause_limit)
        duration = options.LONGEST if duration is None else duration
    try:
        found = watch(target, duration, request)
    except (NoSuchTarget, TargetChanged) as error:
        if child is not None:
            raise make_ended_error(child, error) from None
        raise
    except BaseException:
        if child is not None:
            child.terminate()
            child.wait()
        raise
    if request.export is not None:
        export_findings(found, request.export)
    with standard_output() as stream:
        if request.as_json:
            stream.write(json.dumps(found.as_dict()) + "\n")
        else:
            from inspector.screen.console import console_for
            from inspector.screen.why import why_view

            console_for(stream).print(why_view(found))
    bad = [each for each in found.findings if each.kind in request.fail_on and is_costly(each)]
    status = child.wait() if child is not None else 0
    if bad:
        costs = ", ".join(describe_cost(finding) for finding in bad)
        raise FaultFound(f"threads are kept apart: {costs}")
    if status:
        raise SystemExit(status if status > 0 else 128 - status)


def watch(target: Target, duration: float, request: WhyRequest) -> Parallelism:
    """Watch with a progress bar."""
    from inspector.diagnosis.why import watch_threads
    from inspector.screen.progress import show_sampling

    if request.threads:
        alive = {thread.native_id for thread in target.snapshot().threads}
        missing = sorted(set(request.threads) - alive)
        if missing:
            raise NoSuchObject(
                f"process {target.pid} has no Python thread {missing[0]}",
                subject=missing[0],
                hint=f"it has {', '.join(map(str, sorted(alive)))}",
            )
    with show_sampling(duration) as tell:
        return watch_threads(
            target, duration=duration, rate=request.rate, threads=request.threads, tell=tell
        )


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
