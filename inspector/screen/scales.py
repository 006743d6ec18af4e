"""Throughput against threads as a Rich renderable: bars, and the header traffic beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table
from inspector.screen.text import GIL_ON, escape_text, format_plural

if TYPE_CHECKING:
    from rich.table import Table

    from inspector.audit.scaling import Point, Scale, Scaling

__all__ = ["scaling_view"]

BAR: Final = 24
"""Cells of the longest bar."""

WIDE: Final = 100
"""Cells of a screen that has room for bars beside the numbers and a remark."""

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
    for each in scaling.scales:
        parts += [Text(escape_text(each.expression), "bold"), _scale_table(each, width)]
        parts += [*_traffic_lines(each), Text("")]
    text = format_plural(scaling.rounds, "round")
    text += f" in turns, runs of {scaling.seconds:g} s in one thread"
    text += f", on {format_plural(scaling.cores, 'core')}; (low high): 95 % CI of the median"
    return Group(*parts, Text(text, "dim"))


def _scale_table(scale: Scale, width: int) -> Table:
    most = max(each.throughput.middle for each in scale.points)
    table = bare_table()
    columns = {
        "THREADS": [str(each.threads) for each in scale.points],
        "": [_draw_bar(each.throughput.middle / most) for each in scale.points],
        "CALLS/S": [_format_rate(each.throughput.middle) for each in scale.points],
        "RATIO": [_format_ratio(each) for each in scale.points],
        "HEADER": [_format_header(scale, each.threads) for each in scale.points],
    }
    if width < WIDE:
        del columns[""]
    for head, cells in columns.items():
        cell = BAR if not head else max(map(cell_len, [head, *cells]))
        table.add_column(head, width=cell, justify="right" if head else "left", no_wrap=True)
    table.add_column("")
    for number, each in enumerate(scale.points):
        style = STYLES[each.verdict]
        row = [Text(column[number], "" if head else style) for head, column in columns.items()]
        table.add_row(*row, Text(_describe_point(each, scale.points[0]), style))
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
    total = sum(abs(each.header) for each in scale.traffic if each.threads == threads)
    return f"{total:.2f}"


def _describe_point(point: Point, base: Point) -> str:
    if not point.verdict:
        return f"no conclusion: {point.doubt}"
    return SAID[point.verdict].format(fewest=format_plural(base.threads, "thread"))


def _traffic_lines(scale: Scale) -> list[Text]:
    """Say which types the header traffic is of."""
    threads = scale.points[-1].threads
    rows = [each for each in scale.traffic if each.threads == threads]
    loud = [each for each in rows if abs(each.header) >= 0.05]  # noqa: PLR2004 - what is shown as 0.1
    if not loud:
        quiet = f" ({escape_text(rows[0].type)} is counted per thread)" if rows else ""
        return [Text(f"header traffic: none{quiet}", "dim")]
    said = [
        f"{escape_text(each.type)} {each.header:+.2f} per call, {each.contributed:+.2f} per thread"
        for each in loud
    ]
    lines = [Text(f"header traffic: {'; '.join(said)}", "yellow")]
    for each in loud:
        if each.verdict and each.advice:
            head = f"{each.verdict}, {escape_text(each.type)}: "
            lines.append(Text.assemble((head, "bold"), escape_text(each.advice)))
    return lines
