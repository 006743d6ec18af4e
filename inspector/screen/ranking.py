"""The busiest headers as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from inspector.census.verdict import Verdict
from inspector.screen.cells import bare_table, cut, per_second
from inspector.screen.text import plain, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from inspector.census.ranking import Ranked, Ranking

__all__ = ["ranking_view"]

BAR: Final = 20
"""Cells."""
LONGEST: Final = 60
"""Cells of a name."""
NARROW: Final = 100
"""Cells of a screen that has no room for rates."""
EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def ranking_view(ranking: Ranking, rows: Sequence[Ranked], width: int, *, unicode: bool) -> Group:
    """Return what was sampled, some of the rows with bars, and what to do about them."""
    target = ranking.target
    facts = ["inspector hot", f"pid {target.pid}", plain(target.command, 60)]
    facts += [f"Python {target.version}", plural(ranking.threads, "thread")]
    parts: list[Text | Table] = [
        Text(" · ".join(filter(None, facts)), "bold"),
        Text(_sampling(ranking)),
        Text(""),
    ]
    if rows:
        parts += [_table(rows, width, unicode=unicode), Text("")]
    still = sum(not each.heat.moved for each in ranking.rows)
    parts.append(Text(f"{plural(still, 'header')} never moved", "dim"))
    said = {each.judged.verdict for each in rows if each.judged is not None}
    for verdict in filter(said.__contains__, Verdict):
        parts.append(Text.assemble((f"{verdict}: ", "bold"), verdict.advice))
    if ranking.ended:
        parts.append(Text("the process ended", "bold red"))
    return Group(*parts)


def _sampling(ranking: Ranking) -> str:
    """Say how much was seen."""
    rate = ranking.samples / ranking.seconds if ranking.seconds else 0.0
    text = f"{plural(ranking.samples, 'sample')} in {ranking.seconds:.1f} s, {rate:,.0f} per second"
    if ranking.left_out:
        text += f"; {ranking.left_out:,} more had a merge in them and are left out"
    return text


def _table(rows: Sequence[Ranked], width: int, *, unicode: bool) -> Table:
    rates = width >= NARROW
    taken = 8 + BAR + 2 + 16 + 2 + 14 + (20 if rates else 0)
    longest = max(cell_len(plain(each.row.name)) for each in rows)
    space = max(12, min(longest, LONGEST, width - taken))
    table = bare_table()
    table.add_column("TYPE", width=space, no_wrap=True)
    table.add_column("HEAT", justify="right", no_wrap=True)
    table.add_column("", width=BAR, no_wrap=True)
    table.add_column("95 % WITHIN", justify="right", no_wrap=True)
    if rates:
        table.add_column("HEADER/s", justify="right", no_wrap=True)
        table.add_column("THREADS/s", justify="right", no_wrap=True)
    table.add_column("VERDICT", no_wrap=True)
    for each in rows:
        low, high = each.heat.bounds
        share = each.heat.share
        cells = [
            Text(cut(plain(each.row.name), space)),
            Text("?" if share is None else f"{share:.1%}", "bold"),
            Text(_bar(share or 0.0, unicode=unicode), "red"),
            Text("?" if share is None else f"{low:.1%} - {high:.1%}", "dim"),
        ]
        if rates:
            cells += [Text(per_second(each.header)), Text(per_second(each.contributed))]
        table.add_row(*cells, Text(each.judged.verdict if each.judged else ""))
    return table


def _bar(share: float, *, unicode: bool) -> str:
    """Draw a share from 0 to 1."""
    if not unicode:
        return "#" * round(share * BAR)
    whole, part = divmod(round(share * BAR * 8), 8)
    return ("█" * whole + EIGHTHS[part] * (part > 0))[:BAR]
