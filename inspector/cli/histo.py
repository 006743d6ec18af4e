"""`inspector histo`: how many instances of each type a process has."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

import inspector
from inspector.analysis.heap_change import Earlier, compare_histograms
from inspector.cli import options
from inspector.errors import FileError, GrowthFound
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.selected_types import HISTOGRAM_SORTS, TypeSelection, select_types
from inspector.screen.streams import standard_output
from inspector.screen.text import escape_text, format_plural, list_names
from inspector.screen.waiting import announce_wait
from inspector.snapshots.heap import MEMORY

if TYPE_CHECKING:
    from inspector.snapshots.heap import Histogram

__all__ = ["MemoryOption", "histo"]

MEGABYTE = 1 << 20

SortOption = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="KEY",
        callback=lambda word: word if word is None else options.one_of(HISTOGRAM_SORTS)(word),
        autocompletion=lambda: list(HISTOGRAM_SORTS),
        help=f"Sort by {', '.join(HISTOGRAM_SORTS)}: the largest first. By default size, and "
        "delta with --baseline.",
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Compare with a document of histo --json or --export, also .gz, or with the end of "
        "a recording: what there is more.",
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="FILE",
        help="A second document, taken after the baseline: what rose in both steps comes first.",
    ),
]
FailOption = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="growing",
        callback=lambda word: word if word is None else options.one_of(("growing",))(word),
        help="End with status 9 if a type that matches rose in both steps; takes --target.",
    ),
]


def _check_export(path: str | None) -> str | None:
    """Refuse a file of no known format before anything is read."""
    from inspector.screen.histogram_export import HISTOGRAM_SUFFIXES, has_known_suffix

    if path is not None and not has_known_suffix(path):
        raise typer.BadParameter(f"{path!r} ends in none of {', '.join(HISTOGRAM_SUFFIXES)}")
    return path


ExportOption = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="FILE",
        callback=_check_export,
        help="Also write FILE.json, .json.gz, .csv, .md, .svg or .html.",
    ),
]
MemoryOption = Annotated[
    int,
    typer.Option(
        "--memory",
        metavar="MB",
        min=1,
        help="Copy at most this much of the heap at a time; --blocking copies all of it at once.",
    ),
]


def histo(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    sort: SortOption = None,
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    as_json: options.JsonOption = False,
    baseline: BaselineOption = None,
    target: TargetOption = None,
    fail_on: FailOption = None,
    export: ExportOption = None,
    blocking: options.BlockingOption = False,
    memory: MemoryOption = MEMORY // MEGABYTE,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print how many instances of each type are alive, and how many bytes they take.

    Built-in types are included. No code runs in the process. While the process runs, the
    numbers are estimates, and LOW is a proved minimum. With --blocking they are exact.

    With --baseline DELTA says how many instances there are more. With --target, a third
    state, what rose in both steps is growing; a cache that fills up rises only in the first.
    """
    if target is not None and baseline is None:
        raise typer.BadParameter("--target is compared with a --baseline, which is missing")
    if baseline is not None and pid is None:
        raise typer.BadParameter("--baseline takes the PID of the process as it is now")
    if fail_on is not None and target is None:
        raise typer.BadParameter("--fail-on growing takes --baseline and --target")
    if sort == "delta" and baseline is None:
        raise typer.BadParameter("--sort delta takes a --baseline")
    default = "size" if baseline is None else "delta"
    request = HistogramRequest(
        pid,
        TypeSelection(sort or default, tuple(filters or ()), limit),
        as_json=as_json,
        baseline=baseline,
        target=target,
        must_not_grow=fail_on is not None,
        export=export,
    )
    context.obj.append(partial(print_types, request, blocking, memory, pause_limit))


class HistogramRequest(NamedTuple):
    """What is compared and shown."""

    pid: int | None
    choice: TypeSelection
    as_json: bool
    baseline: str | None
    """Path of a document."""
    target: str | None
    """Likewise."""
    must_not_grow: bool
    """Types that rose in both steps are an error."""
    export: str | None
    """Path of the file to write."""


def print_types(request: HistogramRequest, blocking: bool, memory: int, pause_limit: float) -> None:
    """Read a process, compare it, and write its histogram to standard output."""
    earlier = _read_earlier(request)
    with announce_wait("reading", request.pid):
        target = inspector.attach(request.pid, pause_limit=pause_limit)
        histogram = target.histogram(
            blocking=blocking, pause_limit=pause_limit, memory=memory * MEGABYTE
        )
    if earlier is not None:
        histogram = compare_histograms(histogram, earlier)
    if request.export is not None:
        from inspector.screen.histogram_export import export_histogram

        export_histogram(histogram, request.choice, earlier, request.export)
    with standard_output() as stream:
        if request.as_json:
            chosen = select_types(histogram, request.choice, None)
            stream.write(json.dumps(chosen.histogram.as_dict()) + "\n")
        else:
            from inspector.screen.histogram import print_histogram

            print_histogram(histogram, request.choice, stream, earlier)
    if request.must_not_grow:
        _refuse_growth(histogram, request.choice)


def _read_earlier(request: HistogramRequest) -> Earlier | None:
    """Return what the process is compared with; raise :class:`FileError` for bad files."""
    if request.baseline is None:
        return None
    from inspector.snapshots.heap_files import read_histogram

    baseline = read_histogram(request.baseline)
    if request.target is None:
        return Earlier(baseline)
    target = read_histogram(request.target)
    if target.taken_ns < baseline.taken_ns:
        raise FileError(
            f"{request.target} was taken before {request.baseline}",
            path=request.target,
            hint="the baseline comes first: exchange --baseline and --target",
        )
    return Earlier(baseline, target)


def _refuse_growth(histogram: Histogram, choice: TypeSelection) -> None:
    """Raise :class:`GrowthFound` if a type that matches rose in both steps."""
    ranked = select_types(histogram, choice._replace(sort="delta", limit=0), None)
    growing = [use for use in ranked.histogram.types if use.growing]
    if growing:
        names = list_names([f"{escape_text(use.name, 80)} {use.delta:+,}" for use in growing])
        raise GrowthFound(f"{format_plural(len(growing), 'type')} rose in both steps: {names}")
