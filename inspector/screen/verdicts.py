"""What a whole run says of the types that it used, written out."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.text import Text

from inspector.census.verdict import Verdict
from inspector.screen.cells import bare_table, cut, signed
from inspector.screen.console import console_for
from inspector.screen.selection import matcher
from inspector.screen.text import plain, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from inspector.census.interpreter import TargetInfo
    from inspector.census.verdict import Used
    from inspector.screen.selection import Selection, View

__all__ = ["verdicts_view", "write_verdicts"]

LONGEST: Final = 60
"""Cells of a name."""
TAKEN: Final = 60
"""Cells of the other columns."""
ROWS: Final = 50
"""Unless another limit is given."""


def chosen(used: Sequence[Used], selection: Selection) -> list[Used]:
    """Return what the filters let through, what weighs most first."""
    matches = matcher(selection.filters)

    def place(each: Used) -> tuple[int, int, str]:
        rank = len(Verdict) if each.verdict is None else each.verdict.rank
        return rank, -abs(each.evidence.contributed or 0), each.row.name

    return sorted((each for each in used if matches(each.row.name)), key=place)


def write_verdicts(
    target: TargetInfo, used: Sequence[Used], view: View, stream: IO[str], remarks: Sequence[str]
) -> None:
    """Write the verdicts as a table, or as one JSON document on one line."""
    rows = chosen(used, view.selection)
    limit = view.selection.limit
    if view.json:
        document: dict[str, Any] = {
            "target": target._asdict(),
            "remarks": list(remarks),
            "types": [each.as_dict() for each in (rows[:limit] if limit else rows)],
        }
        stream.write(json.dumps(document) + "\n")
        return
    console = console_for(stream)
    limit = ROWS if limit is None else limit
    shown = rows[:limit] if limit else rows
    console.print(verdicts_view(target, shown, len(rows), console.width, remarks))


def verdicts_view(
    target: TargetInfo, rows: Sequence[Used], matching: int, width: int, remarks: Sequence[str]
) -> Group:
    """Return the table, how many there are, and what to do about each verdict."""
    facts = ["inspector verdicts", f"pid {target.pid}", plain(target.command, LONGEST)]
    parts: list[Text | Table] = [
        Text(" · ".join(filter(None, [*facts, f"Python {target.version}"])), "bold"),
        Text(""),
    ]
    if rows:
        parts += [_table(rows, width), Text("")]
    more = "; --limit 0 shows all" if len(rows) < matching else ""
    parts.append(Text(f"{len(rows):,} of {plural(matching, 'type')} that were used{more}", "dim"))
    said = {each.verdict for each in rows}
    for verdict in filter(said.__contains__, Verdict):
        parts.append(Text.assemble((f"{verdict}: ", "bold"), verdict.advice))
    return Group(*parts, *(Text(remark, "dim") for remark in remarks))


def _table(rows: Sequence[Used], width: int) -> Table:
    names = [plain(each.row.name) for each in rows]
    space = max(12, min(max(map(len, names)), LONGEST, width - TAKEN))
    table = bare_table()
    table.add_column("TYPE", width=space, no_wrap=True)
    table.add_column("VERDICT", width=13, no_wrap=True)
    for head in ("TOTAL", "HEADER", "THREADS", "INSTANCES"):
        table.add_column(head, width=9, justify="right", no_wrap=True)
    for name, each in zip(names, rows, strict=True):
        total, header, threads = each.evidence[1:4]
        numbers = map(signed, (total, header, threads, each.evidence.instances))
        table.add_row(Text(cut(name, space)), each.verdict or "", *numbers)
    return table
