"""Each column of the table: its head, how wide it is, and what its cells say; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.screen import cells
from inspector.screen.dashboard.glyphs import draw_sparkline, draw_thread_bars
from inspector.screen.text import format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.analysis.history import History
    from inspector.snapshots.snapshot import ObjectCount

__all__ = ["COLUMNS", "Column", "Context"]


class Context(NamedTuple):
    """What cells need beside their row."""

    history: History
    threads: Sequence[int]
    """Native ids: in the order of the bars or, with a column per thread, of their ranks."""
    unicode: bool
    bars: int
    trend: int


class Column(NamedTuple):
    """A column beside the names."""

    head: str
    width: int
    cell: Callable[[ObjectCount, Context], str]
    sort: str = ""
    """The key that sorts by it."""
    left: bool = False


def _format_share(row: ObjectCount, context: Context) -> str:
    share = context.history.share(row).value
    return "?" if share is None else f"{share:.0%}"


def _format_verdict(row: ObjectCount, context: Context) -> str:
    judged = context.history.verdict(row)
    if judged is not None:
        return judged.verdict.value
    return "new" if context.history.is_new(row) else ""


def _format_instances(row: ObjectCount, context: Context) -> str:
    use = context.history.find_use(row)
    if use is None:
        return "?"
    return f"{'' if use.instances == use.low else '~'}{cells.format_number(use.instances)}"


def _format_bytes(row: ObjectCount, context: Context) -> str:
    use = context.history.find_use(row)
    return "?" if use is None else f"{cells.format_compact(use.bytes)}B"


def _draw_bars(row: ObjectCount, context: Context) -> str:
    if row.contributed is None:
        return "?"
    values = [row.contributions.get(thread, 0) for thread in context.threads]
    largest = max(map(abs, row.contributions.values()), default=0)
    return draw_thread_bars(values, largest, unicode=context.unicode)


def _format_updates(row: ObjectCount, context: Context) -> str:
    return cells.format_lower_bound(context.history.updates(row), unicode=context.unicode)


def _draw_trend(row: ObjectCount, context: Context) -> str:
    return draw_sparkline(context.history.totals(row), context.trend, unicode=context.unicode)


COLUMNS: Final = (
    Column("TOTAL", 10, lambda row, _: cells.format_total(row), "total"),
    Column("/s", 6, lambda row, c: cells.format_rate(c.history.rate(row)), "rate"),
    Column("GROWTH", 8, lambda row, c: cells.format_signed(c.history.growth(row), 8), "growth"),
    Column("LOCAL", 7, lambda row, _: cells.format_number(row.local, 7), "local"),
    Column("SHARED", 9, lambda row, _: cells.format_number(row.unbiased, 9), "shared"),
    Column("THREADS", 9, lambda row, _: cells.format_signed(row.contributed, 9), "contributions"),
    Column("STACK", 6, lambda row, _: cells.format_number(row.deferred, 6), "deferred"),
    Column("BY THREAD", 9, _draw_bars, left=True),
    Column("TREND", 10, _draw_trend, left=True),
    Column("UPDATES/s", 9, _format_updates, "updates"),
    Column("USED BY", 7, lambda row, c: format_count(c.history.threads(row)), "updates"),
    Column("MOVED IN", 8, _format_share),
    Column("INSTANCES", 11, _format_instances, "instances"),
    Column("BYTES", 7, _format_bytes, "bytes"),
    Column("VERDICT", 12, _format_verdict, left=True),
)
