"""`inspector hot`: which types' headers cost most."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

import inspector
from inspector.cli import options
from inspector.reader.header_sampler import RATE
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.selection import kinds_of, make_matcher
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from inspector.diagnosis.ranking import RankedObject
    from inspector.reader.target import Target
    from inspector.screen.selection import Selection

__all__ = ["hot"]

ROWS: Final = 20
LINE_SECONDS: Final = 3.0
"""For which threads are watched to find lines, at most."""
FASTEST: Final = 10_000.0

DurationOption = Annotated[
    float,
    typer.Option(
        "--duration",
        metavar="SECONDS",
        min=0.01,
        max=options.LONGEST,
        callback=options.refuse_nan,
        help="Sample for this long.",
    ),
]
RateOption = Annotated[
    float,
    typer.Option(
        "--rate",
        metavar="HZ",
        min=1,
        max=FASTEST,
        callback=options.refuse_nan,
        help="Most samples per second; a process with many types allows fewer.",
    ),
]

LinesOption = Annotated[
    bool,
    typer.Option(
        "--lines",
        help="Also watch the threads of another process, for at most 3 seconds more, and say "
        "which lines ran when a header changed.",
    ),
]


def hot(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    duration: DurationOption = 5.0,
    rate: RateOption = RATE,
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    as_json: options.JsonOption = False,
    kind: options.KindOption = "type",
    lines: LinesOption = False,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Rank types by how often threads update their headers.

    Types used by several threads come first, then the others, each ordered by UPDATES/s, a
    lower bound of the header's updates per second. USED BY is the most threads that counted
    the type at the same time. MOVED IN is the share of samples in which the header's shared
    count had changed since the sample before. The process is not stopped.
    """
    selection = options.make_view("total", filters, limit, threads=False, as_json=as_json).selection
    course = (duration, rate, kind, pause_limit)
    context.obj.append(
        partial(print_ranking, pid, course, selection, as_json=as_json, with_lines=lines)
    )


def print_ranking(
    pid: int | None,
    course: tuple[float, float, str, float],
    selection: Selection,
    *,
    as_json: bool,
    with_lines: bool = False,
) -> None:
    """Sample a process and write the ranking to standard output."""
    from inspector.diagnosis.ranking import rank_objects
    from inspector.screen.progress import show_sampling

    duration, rate, kind, pause_limit = course
    with announce_wait("attaching to", pid):
        target = inspector.attach(pid, pause_limit=pause_limit)
    with show_sampling(duration) as tell:
        ranking = rank_objects(
            target, duration=duration, rate=rate, kinds=kinds_of(kind), tell=tell
        )
    matches = make_matcher(selection.filters)
    rows = [ranked for ranked in ranking.rows if matches(ranked.row.name)]
    if with_lines and not ranking.ended:
        with show_sampling(min(duration, LINE_SECONDS)):
            rows = add_lines(target, rows, min(duration, LINE_SECONDS))
    with standard_output() as stream:
        if as_json:
            shown = rows[: selection.limit] if selection.limit else rows
            document = replace(ranking, rows=tuple(shown)).as_dict()
            stream.write(json.dumps(document) + "\n")
            return
        from inspector.screen.console import console_for
        from inspector.screen.dashboard.paint import has_unicode
        from inspector.screen.ranking import ranking_view

        limit = ROWS if selection.limit is None else selection.limit
        console = console_for(stream)
        shown = rows[:limit] if limit else rows
        if selection.limit is None and not selection.filters:
            shown = [ranked for ranked in shown if ranked.evidence.updates_per_second]
        console.print(ranking_view(ranking, shown, console.width, unicode=has_unicode()))


def add_lines(target: Target, rows: list[RankedObject], duration: float) -> list[RankedObject]:
    """Return the rows, those whose headers are updated with the lines that ran meanwhile."""
    from inspector.diagnosis.why import find_lines

    busy = [ranked.row.address for ranked in rows if ranked.evidence.updates_per_second]
    found = find_lines(target, busy, duration=duration)
    return [replace(ranked, lines=found.get(ranked.row.address, ())) for ranked in rows]
