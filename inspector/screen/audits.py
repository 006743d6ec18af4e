"""An audit as a Rich renderable; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table
from inspector.screen.text import escape_text, format_plural, format_share
from inspector.verdict.advice import explain_verdict
from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from inspector.audit.result import Audit, Audited

__all__ = ["audit_view", "format_numbers", "sort_by_severity", "write_caption"]

STYLES: Final = {
    Verdict.OVER_DECREF: "bold red",
    Verdict.LEAKING: "bold red",
    Verdict.KEPT: "yellow",
    Verdict.GROWING: "yellow",
    Verdict.NO_UNIQUE_ID: "yellow",
    Verdict.PLAIN_DECREF: "yellow",
    Verdict.BALANCED: "green",
}

QUIET: Final = frozenset({Verdict.BALANCED, Verdict.IMMORTAL})
"""Verdicts that need no advice."""

NARROWEST: Final = 20
"""Cells that reasons and expressions have at least."""


def audit_view(audit: Audit, width: int) -> Group:
    """Return the types with a verdict, the others with the reason, and what it all means."""
    parts: list[Table | Text] = [Text(_write_heading(audit), "bold"), Text("")]
    if exercised := sort_by_severity(audit.exercised()):
        parts += [_verdict_table(exercised, audit.made.threads, width), Text("")]
    if left_out := audit.left_out():
        parts += [_reason_table("NOT EXERCISED", [(e.type, e.reason) for e in left_out]), Text("")]
    if foreign := audit.foreign():
        parts += [_reason_table("FOREIGN", [(e.type, e.reason) for e in foreign]), Text("")]
    if audit.failed:
        parts += [_reason_table("NOT IMPORTED", sorted(audit.failed.items())), Text("")]
    parts += [
        Text(f"{verdict}: {explain_verdict(verdict)}") for verdict in _verdicts_to_explain(audit)
    ]
    parts.append(Text(write_caption(audit), "dim"))
    return Group(*parts)


def _verdict_table(rows: list[Audited], threads: int, width: int) -> Table:
    table = bare_table()
    table.add_column("TYPE", no_wrap=True, overflow="ellipsis")
    table.add_column("VERDICT", no_wrap=True)
    # The names give way on a narrow screen, and the numbers do not.
    for number, head in enumerate(("LOST", "HEADER", f"{threads} THREADS", "HEAT")):
        longest = max(len(head), *(len(format_numbers(each)[number]) for each in rows))
        table.add_column(head, justify="right", no_wrap=True, min_width=longest)
    made = max((len(each.make) for each in rows), default=0)
    longest = max((len(each.type) for each in rows), default=0)
    if width >= longest + 58 + max(NARROWEST, min(made, 2 * NARROWEST)):
        table.add_column("MADE BY", no_wrap=True, overflow="ellipsis", style="dim")
    for each in rows:
        style = STYLES.get(each.verdict, "") if each.verdict is not None else ""
        note = f" ({escape_text(each.reason)})" if each.reason else ""
        cells = [Text(escape_text(each.type)), Text(f"{each.verdict}{note}", style)]
        cells += [Text(number) for number in format_numbers(each)]
        table.add_row(*cells, *[Text(escape_text(each.make))][: len(table.columns) - len(cells)])
    return table


def format_numbers(row: Audited) -> list[str]:
    """Return what a call loses and counts in the header, in one thread and several; heat."""
    lost = [each.lost_per_call for each in row.exercises]
    headers = [each.per_call(each.evidence.header) for each in row.exercises]
    most = max((each for each in lost if each is not None), key=abs, default=None)
    several = headers[1] if len(headers) > 1 else None
    return [
        _format_number(most),
        _format_number(headers[0] if headers else None),
        _format_number(several),
        _format_heat(row),
    ]


def _format_heat(row: Audited) -> str:
    """Return in which share of the samples the header had moved, while threads used the type."""
    seen = [each.evidence for each in row.exercises if each.evidence.samples]
    return format_share(seen[-1].moved or 0, seen[-1].samples or 1) if seen else "-"


def _format_number(number: float | None) -> str:
    if number is None:
        return "?"
    # A thread's own lock or two are among the calls of several threads.
    return "0" if abs(number) < 0.005 else f"{number:+.2f}".removesuffix(".00")  # noqa: PLR2004 - half of the last digit


def _reason_table(head: str, pairs: Iterable[tuple[str, str]]) -> Table:
    table = bare_table()
    table.add_column(head, no_wrap=True, overflow="ellipsis")
    table.add_column("BECAUSE", no_wrap=True, overflow="ellipsis", min_width=NARROWEST)
    for name, reason in pairs:
        table.add_row(Text(escape_text(name)), Text(escape_text(reason), "dim"))
    return table


def sort_by_severity(rows: list[Audited]) -> list[Audited]:
    """Return what weighs most first."""
    return sorted(rows, key=lambda each: (each.verdict.rank if each.verdict else 0, each.type))


def _verdicts_to_explain(audit: Audit) -> list[Verdict]:
    return [each for each in Verdict if each in audit.verdicts() and each not in QUIET]


def _write_heading(audit: Audit) -> str:
    targets = ", ".join(map(escape_text, audit.targets))
    gil = " · the GIL is on" if audit.made.gil_enabled else ""
    return f"inspector audit · {targets} · Python {audit.made.python}{gil}"


def count_exercised(audit: Audit) -> str:
    """Return of how many of the targets' types instances were made."""
    return f"{len(audit.exercised()):,} of {format_plural(len(audit.own()), 'heap type')} exercised"


def write_caption(audit: Audit) -> str:
    """Return what was exercised, in how many ways, and how long that took."""
    verdicts = audit.verdicts()
    said = [f"{verdicts[each]:,} {each}" for each in Verdict if verdicts[each]]
    text = count_exercised(audit)
    if audit.own() and not said:
        text += ": nothing is proved"
    text += f": {', '.join(said)}" if said else ""
    if foreign := audit.foreign():
        number = format_plural(len(foreign), "foreign type")
        text += f"; {number}, which targets only import, left aside"
    if audit.static:
        text += f"; {format_plural(audit.static, 'static type')}, which nobody counts, left aside"
    text += "; leaked instances of static types and built-in containers are not looked at"
    made = audit.made
    text += f"; {made.calls:,} calls in 1 thread and in each of {made.threads:,}"
    text += f"; took {made.seconds:,.1f} s on {format_plural(made.cores, 'core')}"
    if made.gil_enabled:
        text += "; a module that was imported switched the GIL on"
    return text
