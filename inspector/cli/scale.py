"""`inspector scale`: throughput of expressions against threads, with the header traffic."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

import inspector
from inspector.cli import options
from inspector.errors import InspectorError
from inspector.screen.streams import standard_output

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["scale_"]

MOST_THREADS: Final = 256


def _check_thread_counts(words: str) -> str:
    """Refuse words that are no numbers of threads."""
    for word in words.split(","):
        if not options.is_pid(word.strip()) or not 1 <= int(word) <= MOST_THREADS:
            raise typer.BadParameter(f"{word.strip()!r} is not a number from 1 to {MOST_THREADS}")
    return words


ExpressionArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="EXPR", help="A Python expression; the modules that it names are imported."
    ),
]
ThreadsOption = Annotated[
    str,
    typer.Option(
        "--threads",
        metavar="N[,N]",
        callback=_check_thread_counts,
        help="Numbers of threads to compare.",
    ),
]
RoundsOption = Annotated[
    int,
    typer.Option(
        "--rounds",
        metavar="N",
        min=1,
        max=1000,
        help="Runs of each expression and number of threads.",
    ),
]
SecondsOption = Annotated[
    float,
    typer.Option(
        "--seconds",
        metavar="S",
        min=0.001,
        max=3600,
        callback=options.refuse_nan,
        help="Length of a run in one thread.",
    ),
]


def scale_(
    context: typer.Context,
    expressions: ExpressionArgument,
    *,
    threads: ThreadsOption = "1,2,4",
    rounds: RoundsOption = 9,
    seconds: SecondsOption = 0.1,
    as_json: options.JsonOption = False,
) -> None:
    """Measure how often an expression runs per second, in one thread and in several.

    HEADER is how many references to types each call counts in headers, which all threads
    share. Expressions and numbers of threads are measured in turn. There is no conclusion for
    more threads than cores, or where the rounds vary more than the effect.
    """
    numbers = sorted({int(word) for word in threads.split(",")})
    context.obj.append(partial(print_scaling, expressions, numbers, rounds, seconds, as_json))


def print_scaling(
    expressions: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    as_json: bool,
) -> None:
    """Measure, and write what was found to standard output."""
    inspector.attach()  # says why where nothing can be read
    from inspector.audit.expressions import parse_expression
    from inspector.audit.scaling import measure_scaling
    from inspector.screen.progress import show_steps

    for expression in expressions:
        parse_expression(expression)
    with show_steps("measuring") as tell:
        found = measure_scaling(expressions, threads, rounds, seconds, tell, watch_expression)
    with standard_output() as stream:
        if as_json:
            stream.write(json.dumps(found.as_dict()) + "\n")
            return
        from inspector.screen.console import console_for
        from inspector.screen.scales import scaling_view

        console = console_for(stream)
        console.print(scaling_view(found, console.width))


def watch_expression(pid: int, seconds: float) -> list[dict[str, Any]]:
    """Return what keeps the threads of a process apart, as JSON has it; nothing if unreadable."""
    from inspector.diagnosis.why import watch_threads

    try:
        found = watch_threads(inspector.attach(pid), duration=seconds)
    except InspectorError:
        return []
    return [finding.as_dict() for finding in found.findings if finding.share != 0]
