"""The busiest headers as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import (
    GAP,
    bare_table,
    cut_to_width,
    format_lower_bound,
    format_rate,
    measure_column,
)
from inspector.screen.text import (
    GIL_ON,
    STOPPED_BY_SIGNAL,
    escape_text,
    format_count,
    format_plural,
    join_facts,
    on_off,
)
from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from inspector.diagnosis.ranking import RankedObject, Ranking

__all__ = ["ranking_view"]

LONGEST: Final = 60
"""Cells of a name."""
NARROW: Final = 100
"""Cells of a screen that has no room for rates."""


def ranking_view(
    ranking: Ranking, rows: Sequence[RankedObject], width: int, *, unicode: bool
) -> Group:
    """Return what was sampled, some of the rows, and what their verdicts mean."""
    target = ranking.target
    heading = join_facts(
        "inspector hot",
        f"pid {target.pid}",
        escape_text(target.command, 60),
        f"Python {target.version} GIL {on_off(target.gil_enabled)}",
        format_plural(ranking.threads, "thread"),
    )
    parts: list[Text | Table] = [Text(heading, "bold")]
    if target.gil_enabled:
        parts.append(Text(GIL_ON, "bold yellow"))
    parts += [Text(_describe_samples(ranking)), Text("")]
    if rows:
        parts += [_ranking_table(rows, width, unicode=unicode), Text("")]
    still = 0
    for row in ranking.rows:
        still += not row.evidence.updates_per_second
    parts.append(Text(f"{format_plural(still, 'header')} never moved", "dim"))
    parts += _line_lines(rows)
    parts += _advice_lines(rows)
    if ranking.stopped_by_signal:
        parts.append(Text(STOPPED_BY_SIGNAL.format(target.pid), "bold red"))
    if ranking.ended:
        parts.append(Text("the process ended", "bold red"))
    return Group(*parts)


def _line_lines(rows: Sequence[RankedObject]) -> list[Text]:
    """Say which lines ran when a header changed."""
    found = []
    for ranked in rows:
        for line in ranked.lines or ():
            number = "?" if line.line is None else line.line
            place = f"{escape_text(line.file, LONGEST)}:{number} in {escape_text(line.function)}"
            name = escape_text(ranked.row.name, LONGEST)
            found.append(Text(f"{name}: on CPU at {place} ({line.share:.0%})"))
    return found


def _advice_lines(rows: Sequence[RankedObject]) -> list[Text]:
    """Say of each verdict what it means, with the numbers of the first type that has it."""
    lines: dict[Verdict, Text] = {}
    for ranked in rows:
        if ranked.judged is not None and ranked.judged.verdict not in lines:
            head = f"{ranked.judged.verdict}, {escape_text(ranked.row.name)}: "
            lines[ranked.judged.verdict] = Text.assemble((head, "bold"), ranked.judged.advice)
    return [lines[verdict] for verdict in Verdict if verdict in lines]


def _describe_samples(ranking: Ranking) -> str:
    """Say how much was seen."""
    rate = ranking.samples / ranking.seconds if ranking.seconds else 0.0
    text = format_plural(ranking.samples, "sample")
    text += f" in {ranking.seconds:.1f} s, {rate:,.0f} per second"
    if ranking.left_out:
        text += f"; {ranking.left_out:,} taken during a merge are discarded"
    return text


def _ranking_table(rows: Sequence[RankedObject], width: int, *, unicode: bool) -> Table:
    heads = ("UPDATES/s", "USED BY", "MOVED IN", "95 % CI", "HEADER/s", "ARRAYS/s", "VERDICT")
    columns: dict[str, list[str]] = {head: [] for head in heads}
    for ranked in rows:
        updates = ranked.evidence.updates_per_second
        columns["UPDATES/s"].append(format_lower_bound(updates, unicode=unicode))
        columns["USED BY"].append(_format_threads(ranked))
        columns["MOVED IN"].append(_format_share(ranked))
        columns["95 % CI"].append(_format_interval(ranked))
        columns["HEADER/s"].append(format_rate(ranked.header_rate))
        columns["ARRAYS/s"].append(format_rate(ranked.contributed_rate))
        columns["VERDICT"].append(ranked.judged.verdict.value if ranked.judged else "")
    if width < NARROW:
        del columns["HEADER/s"], columns["ARRAYS/s"]
    widths = {head: measure_column(head, cells) for head, cells in columns.items()}
    names = [escape_text(ranked.row.name) for ranked in rows]
    longest = measure_column("", names)
    space = max(12, min(longest, LONGEST, width - sum(widths.values()) - GAP * len(widths)))
    table = bare_table()
    table.add_column("TYPE", width=space, no_wrap=True)
    for head in columns:
        side: Literal["left", "right"] = "left" if head == "VERDICT" else "right"
        table.add_column(head, width=widths[head], justify=side, no_wrap=True)
    styles = {"UPDATES/s": "bold", "95 % CI": "dim"}
    for number, name in enumerate(names):
        row = [Text(cut_to_width(name, space))]
        for head, cells in columns.items():
            row.append(Text(cells[number], styles.get(head, "")))
        table.add_row(*row)
    return table


def _format_threads(ranked: RankedObject) -> str:
    """Return how many threads were seen to use a type."""
    threads = ranked.evidence.threads
    return format_count(threads) if threads is None else format_plural(threads, "thread")


def _format_share(ranked: RankedObject) -> str:
    share = ranked.share.value
    return "?" if share is None else f"{share:.1%}"


def _format_interval(ranked: RankedObject) -> str:
    if not ranked.share.samples:
        return "?"
    low, high = ranked.share.interval
    return f"{100 * low:.1f} - {high:.1%}"
