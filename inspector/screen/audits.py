"""An audit as a Rich renderable; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table, measure_column
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
        reasons = [(row.type, row.reason) for row in left_out]
        parts += [_reason_table("NOT EXERCISED", reasons), Text("")]
    if foreign := audit.foreign():
        reasons = [(row.type, row.reason) for row in foreign]
        parts += [_reason_table("FOREIGN", reasons), Text("")]
    if audit.failed:
        parts += [_reason_table("NOT IMPORTED", sorted(audit.failed.items())), Text("")]
    verdicts = audit.verdicts()
    for verdict in Verdict:
        if verdict in verdicts and verdict not in QUIET:
            parts.append(Text(f"{verdict}: {explain_verdict(verdict)}"))
    parts.append(Text(write_caption(audit), "dim"))
    return Group(*parts)


def _verdict_table(rows: list[Audited], threads: int, width: int) -> Table:
    table = bare_table()
    table.add_column("TYPE", no_wrap=True, overflow="ellipsis")
    table.add_column("VERDICT", no_wrap=True)
    # The names give way on a narrow screen, and the numbers do not.
    heads = ("LOST", "HEADER", f"{threads} THREADS", "HEAT")
    numbers = [format_numbers(row) for row in rows]
    for head, cells in zip(heads, zip(*numbers, strict=True), strict=True):
        longest = measure_column(head, cells)
        table.add_column(head, justify="right", no_wrap=True, min_width=longest)
    made = max((len(row.make) for row in rows), default=0)
    longest = max((len(row.type) for row in rows), default=0)
    has_room = width >= longest + 58 + max(NARROWEST, min(made, 2 * NARROWEST))
    if has_room:
        table.add_column("MADE BY", no_wrap=True, overflow="ellipsis", style="dim")
    for row, texts in zip(rows, numbers, strict=True):
        style = STYLES.get(row.verdict, "") if row.verdict is not None else ""
        note = f" ({escape_text(row.reason)})" if row.reason else ""
        line = [Text(escape_text(row.type)), Text(f"{row.verdict}{note}", style)]
        line += [Text(text) for text in texts]
        if has_room:
            line.append(Text(escape_text(row.make)))
        table.add_row(*line)
    return table


def format_numbers(row: Audited) -> list[str]:
    """Return what a call loses and counts in the header, in one thread and several; heat."""
    lost, headers = [], []
    for exercise in row.exercises:
        headers.append(_format_number(exercise.per_call(exercise.evidence.header)))
        if exercise.lost_per_call is not None:
            lost.append(exercise.lost_per_call)
    one, several, *_ = [*headers, _format_number(None), _format_number(None)]
    return [_format_number(max(lost, key=abs, default=None)), one, several, _format_heat(row)]


def _format_heat(row: Audited) -> str:
    """Return in which share of the samples the header had moved, while threads used the type."""
    for exercise in reversed(row.exercises):
        if exercise.evidence.samples:
            return format_share(exercise.evidence.moved or 0, exercise.evidence.samples)
    return "-"


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
    return sorted(rows, key=lambda row: (row.verdict.rank if row.verdict else 0, row.type))


def _write_heading(audit: Audit) -> str:
    targets = ", ".join([escape_text(target) for target in audit.targets])
    gil = " · the GIL is on" if audit.made.gil_enabled else ""
    return f"inspector audit · {targets} · Python {audit.made.python}{gil}"


def count_exercised(audit: Audit) -> str:
    """Return of how many of the targets' types instances were made."""
    return f"{len(audit.exercised()):,} of {format_plural(len(audit.own()), 'heap type')} exercised"


def write_caption(audit: Audit) -> str:
    """Return what was exercised, in how many ways, and how long that took."""
    verdicts = audit.verdicts()
    said = [f"{verdicts[verdict]:,} {verdict}" for verdict in Verdict if verdicts[verdict]]
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
