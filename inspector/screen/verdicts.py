"""What the whole run of a program says of the types that it used, written out."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table, cut_to_width, format_signed, measure_column
from inspector.screen.console import console_for
from inspector.screen.selection import make_matcher
from inspector.screen.text import escape_text, format_count, format_plural, join_facts, on_off
from inspector.verdict.advice import explain_verdict
from inspector.verdict.evidence import Evidence, Verdict
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from inspector.screen.selection import Selection, View
    from inspector.snapshots.interpreter import TargetInfo
    from inspector.snapshots.object_count import ObjectCount
    from inspector.verdict.judge import Judgement

__all__ = ["UsedType", "verdicts_view", "write_verdicts"]

LONGEST: Final = 60
"""Cells of a name."""
TAKEN: Final = 66
"""Cells of the other columns."""
ROWS: Final = 50
"""Unless another limit is given."""


class UsedType(NamedTuple):
    """A type that was used in the whole run of a program."""

    row: ObjectCount
    """At the end."""
    called: bool
    """By Python code; what C code makes instances of is seen by its counts only."""
    evidence: Evidence

    @property
    def judgement(self) -> Judgement | None:
        """What the run says of it; None for nothing."""
        return judge(self.evidence)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        judged = self.judgement
        silent = {"verdict": None, "evidence": self.evidence.as_dict(), "advice": None}
        return {
            "name": self.row.name,
            "address": self.row.address,
            "interpreter": self.row.interpreter,
            "unique_id": self.row.unique_id,
            "total": self.row.total,
            "called": self.called,
            **(silent if judged is None else judged.as_dict()),
        }


def choose_used_types(used: Sequence[UsedType], selection: Selection) -> list[UsedType]:
    """Return what the filters let through, the most severe first."""
    matches = make_matcher(selection.filters)

    def place(found: UsedType) -> tuple[int, int, str]:
        judged = found.judgement
        rank = len(Verdict) if judged is None else judged.verdict.rank
        return rank, -abs(found.evidence.contributed or 0), found.row.name

    return sorted([found for found in used if matches(found.row.name)], key=place)


def write_verdicts(
    target: TargetInfo,
    used: Sequence[UsedType],
    view: View,
    stream: IO[str],
    remarks: Sequence[str],
) -> None:
    """Write the verdicts as a table, or as one JSON document on one line."""
    rows = choose_used_types(used, view.selection)
    limit = view.selection.limit
    if view.json:
        document: dict[str, Any] = {
            "target": target._asdict(),
            "remarks": list(remarks),
            "types": [row.as_dict() for row in (rows[:limit] if limit else rows)],
        }
        stream.write(json.dumps(document) + "\n")
        return
    console = console_for(stream)
    limit = ROWS if limit is None else limit
    shown = rows[:limit] if limit else rows
    console.print(verdicts_view(target, shown, len(rows), console.width, remarks))


def verdicts_view(
    target: TargetInfo, rows: Sequence[UsedType], matching: int, width: int, remarks: Sequence[str]
) -> Group:
    """Return the table, how many there are, and what to do about each verdict."""
    heading = join_facts(
        "inspector verdicts",
        f"pid {target.pid}",
        escape_text(target.command, LONGEST),
        f"Python {target.version} GIL {on_off(target.gil_enabled)}",
    )
    parts: list[Text | Table] = [Text(heading, "bold")]
    if target.gil_enabled:
        parts.append(Text("the GIL is on: threads contend for it, not for any header", "bold"))
    parts.append(Text(""))
    if rows:
        parts += [_verdict_table(rows, width), Text("")]
    more = "; --limit 0 shows all" if len(rows) < matching else ""
    parts.append(
        Text(f"{len(rows):,} of {format_plural(matching, 'type')} that were used{more}", "dim")
    )
    shown = {row.judgement.verdict for row in rows if row.judgement is not None}
    for verdict in Verdict:
        if verdict in shown:
            parts.append(Text.assemble((f"{verdict}: ", "bold"), explain_verdict(verdict)))
    if shown & {Verdict.PLAIN_DECREF, Verdict.NO_UNIQUE_ID, Verdict.HOT_HEADER}:
        parts.append(Text.assemble(("BY: ", "bold"), _describe_threads(rows[0].evidence)))
    parts += [Text(remark, "dim") for remark in remarks]
    return Group(*parts)


def _describe_threads(evidence: Evidence) -> str:
    """Say what the number of threads means, given that of all of them."""
    if evidence.threads_alive == 1:
        return "there was one thread, which contends with nobody"
    counted = "the most threads that counted a type side by side"
    if evidence.gil_enabled:
        return counted
    return f"{counted}: two or more contend for a header that each of them moves"


def _verdict_table(rows: Sequence[UsedType], width: int) -> Table:
    names = [escape_text(used.row.name) for used in rows]
    space = max(12, min(measure_column("", names), LONGEST, width - TAKEN))
    table = bare_table()
    table.add_column("TYPE", width=space, no_wrap=True)
    table.add_column("VERDICT", width=13, no_wrap=True)
    for head in ("TOTAL", "HEADER", "THREADS"):
        table.add_column(head, width=9, justify="right", no_wrap=True)
    table.add_column("BY", width=4, justify="right", no_wrap=True)
    table.add_column("INSTANCES", width=9, justify="right", no_wrap=True)
    for name, used in zip(names, rows, strict=True):
        judged, evidence = used.judgement, used.evidence
        table.add_row(
            Text(cut_to_width(name, space)),
            "" if judged is None else judged.verdict,
            format_signed(evidence.total),
            format_signed(evidence.header),
            format_signed(evidence.contributed),
            format_count(evidence.threads),
            format_signed(evidence.instances),
        )
    return table
