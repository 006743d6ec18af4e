"""Throughput against threads as a Rich renderable: bars, and the header traffic beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table, measure_column
from inspector.screen.text import GIL_ON, escape_text, format_plural

if TYPE_CHECKING:
    from rich.table import Table

    from inspector.audit.scaling import Point, Scale, Scaling

__all__ = ["scaling_view"]

BAR: Final = 24
"""Cells of the longest bar."""

WIDE: Final = 100
"""Cells of a screen that has room for bars beside the numbers and a remark."""

MOST_REASONS: Final = 3
"""Findings that are shown of an expression that does not scale."""

LEAST_HEADER: Final = 0.05
"""References per call in headers that are mentioned: those that are shown as 0.1 or more."""

STYLES: Final = {"loses": "red", "gains": "yellow", "scales": "green", "base": "", "": "dim"}

SAID: Final = {
    "base": "",
    "scales": "scales",
    "gains": "gains, but scales badly",
    "loses": "slower than {fewest}",
}


def scaling_view(scaling: Scaling, width: int) -> Group:
    """Return a table of bars per expression, and below it who counts what."""
    parts: list[Table | Text] = []
    if scaling.gil_enabled:
        said = f"{GIL_ON} (a module that was imported switched it on)"
        parts += [Text(said, "bold yellow"), Text("")]
    for scale in scaling.scales:
        parts += [Text(escape_text(scale.expression), "bold"), _scale_table(scale, width)]
        parts += [*_traffic_lines(scale), *_why_lines(scale), Text("")]
    if scaling.control:
        last, first = scaling.control[-1], scaling.control[0]
        control = (
            f"control: an empty loop reaches {last.ratio.middle:.2f} of "
            f"{last.threads / first.threads:g} in {format_plural(last.threads, 'thread')}"
        )
        parts.append(Text(control, "dim"))
    text = format_plural(scaling.rounds, "round")
    text += f" in turns, runs of {scaling.seconds:g} s in one thread"
    text += f", on {format_plural(scaling.cores, 'core')}; (low high): 95 % CI of the median"
    return Group(*parts, Text(text, "dim"))


def _scale_table(scale: Scale, width: int) -> Table:
    most = max(point.throughput.middle for point in scale.points)
    table = bare_table()
    columns: dict[str, list[str]] = {
        head: [] for head in ("THREADS", "", "CALLS/S", "RATIO", "HEADER")
    }
    for point in scale.points:
        columns["THREADS"].append(str(point.threads))
        columns[""].append(_draw_bar(point.throughput.middle / most))
        columns["CALLS/S"].append(_format_rate(point.throughput.middle))
        columns["RATIO"].append(_format_ratio(point))
        columns["HEADER"].append(_format_header(scale, point.threads))
    if width < WIDE:
        del columns[""]
    for head, cells in columns.items():
        space = measure_column(head, cells) if head else BAR
        table.add_column(head, width=space, justify="right" if head else "left", no_wrap=True)
    table.add_column("")
    for number, point in enumerate(scale.points):
        style = STYLES[point.verdict]
        row = [Text(column[number], "" if head else style) for head, column in columns.items()]
        table.add_row(*row, Text(_describe_point(point, scale.points[0]), style))
    return table


def _draw_bar(share: float) -> str:
    """Return a bar of eighths of a cell."""
    eighths = max(1, round(share * BAR * 8))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _format_ratio(point: Point) -> str:
    if point.verdict == "base":
        return "1.00"
    ratio = point.ratio
    return f"{ratio.middle:.2f} ({ratio.low:.2f} {ratio.high:.2f})"


def _format_rate(number: float) -> str:
    """Return calls per second in three digits or so."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if number >= factor:
            return f"{number / factor:.{2 if number < 10 * factor else 1}f} {unit}"
    return f"{number:.1f}"


def _format_header(scale: Scale, threads: int) -> str:
    """Return what a call counts in headers, all types together, signs aside."""
    total = 0.0
    for traffic in scale.traffic:
        if traffic.threads == threads:
            total += abs(traffic.header)
    return f"{total:.2f}"


def _describe_point(point: Point, base: Point) -> str:
    if not point.verdict:
        return f"no conclusion: {point.doubt}"
    return SAID[point.verdict].format(fewest=format_plural(base.threads, "thread"))


def _why_lines(scale: Scale) -> list[Text]:
    """Say what keeps the threads of an expression apart, the most expensive first."""
    lines = []
    for finding in scale.why[:MOST_REASONS]:
        share = finding["share"]
        cost = "?" if share is None else f"{share:.0%}"
        lines.append(
            Text.assemble(
                ("why: ", "bold"),
                f"{finding['kind']} {cost}, {escape_text(finding['name'])}: ",
                escape_text(finding["advice"]),
            )
        )
    return lines


def _traffic_lines(scale: Scale) -> list[Text]:
    """Say which types the header traffic is of."""
    threads = scale.points[-1].threads
    rows = [traffic for traffic in scale.traffic if traffic.threads == threads]
    numbers, advice = [], []
    for traffic in rows:
        if abs(traffic.header) < LEAST_HEADER:
            continue
        name = escape_text(traffic.type)
        numbers.append(
            f"{name} {traffic.header:+.2f} per call, {traffic.contributed:+.2f} per thread"
        )
        if traffic.verdict and traffic.advice:
            head = f"{traffic.verdict}, {name}: "
            advice.append(Text.assemble((head, "bold"), escape_text(traffic.advice)))
    if not numbers:
        quiet = f" ({escape_text(rows[0].type)} is counted per thread)" if rows else ""
        return [Text(f"header traffic: none{quiet}", "dim")]
    return [Text(f"header traffic: {'; '.join(numbers)}", "yellow"), *advice]
