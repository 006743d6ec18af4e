"""What a process has lost, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.analysis.leak_growth import judge_orphans, judge_type
from inspector.screen.cells import LONGEST_NAME, bare_table, format_compact
from inspector.screen.console import console_for, count_fitting_rows
from inspector.screen.histogram import write_heading
from inspector.screen.text import escape_text, format_count, format_duration, format_plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from inspector.snapshots.leaks import Garbage, Leaks, LostType, OrphanGroup
    from inspector.verdict.judge import Judgement

__all__ = ["leaks_view", "print_leaks_view"]

LINES: Final = 12
"""Lines above, between and below the rows."""

MOST_ADVICE: Final = 3

LONGEST_VALUE: Final = 40


def print_leaks_view(leaks: Leaks, limit: int | None, stream: IO[str]) -> None:
    """Print what was lost: as many rows as a terminal has room for, 20 elsewhere."""
    console = console_for(stream)
    room = count_fitting_rows(console, stream, LINES) if limit is None else limit or None
    console.print(leaks_view(leaks, room))


def leaks_view(leaks: Leaks, room: int | None) -> Group:
    """Return what was read and how, lost references of types, and orphans."""
    parts: list[Text | Table] = [
        write_heading(leaks.target),
        Text(" · ".join(_describe_reading(leaks))),
    ]
    compared = leaks.seconds is not None
    types = [row for row in leaks.types if not compared or (row.growing or 0) > 0]
    claimed = [group for group in leaks.orphans if group.held != "interior"]
    orphans = [group for group in claimed if not compared or (group.growing or 0) > 0]
    if types:
        parts += [Text(""), _types_table(leaks, types[:room])]
    if orphans:
        parts += [Text(""), _orphans_table(leaks, orphans[:room])]
    if leaks.garbage:
        parts += [Text(""), _garbage_table(leaks.garbage[:room])]
    advice = _list_advice(leaks, types, orphans)
    parts += [Text(""), *advice] if advice else []
    parts += [Text(""), Text("\n".join(_write_caption(leaks, types, orphans, room)), "dim")]
    return Group(*parts)


def _describe_reading(leaks: Leaks) -> list[str]:
    """Return how a process was read."""
    said = [f"{format_compact(leaks.searched)}B searched"]
    if leaks.pause_ns is None:
        said.append("read while it ran: nothing is proved, --blocking proves")
    else:
        said.append(f"paused for {format_duration(leaks.pause_ns)}")
    if leaks.seconds is not None:
        said.append(f"compared with {leaks.seconds:,.1f} s before")
    return said


def _mark_count(leaks: Leaks, number: int | None) -> str:
    """Return a number; one that is not proved is marked."""
    mark = "~" if number is not None and not leaks.proved else ""
    return f"{mark}{format_count(number)}"


def _name_verdict(judged: Judgement | None) -> str:
    """Return the word of a verdict."""
    return "" if judged is None else judged.verdict.value


def _types_table(leaks: Leaks, rows: Sequence[LostType]) -> Table:
    """Return the types with lost references."""
    table = bare_table()
    table.add_column("TYPE", overflow="ellipsis", no_wrap=True)
    compared = leaks.seconds is not None
    heads = ["LOST", "REFERENCES", *(["GROWING", "VERDICT"] if compared else [])]
    for head in heads:
        table.add_column(head, justify="left" if head == "VERDICT" else "right", no_wrap=True)
    for row in rows:
        cells = [_mark_count(leaks, row.lost), format_count(row.total)]
        if compared:
            cells += [f"{row.growing:+,}" if row.growing is not None else "?"]
            cells += [_name_verdict(judge_type(leaks, row))]
        table.add_row(Text(escape_text(row.name, LONGEST_NAME)), *map(Text, cells))
    return table


def _orphans_table(leaks: Leaks, groups: Sequence[OrphanGroup]) -> Table:
    """Return the groups of orphans."""
    table = bare_table()
    table.add_column("ORPHANS", overflow="ellipsis", no_wrap=True)
    compared = leaks.seconds is not None
    heads = ["OBJECTS", "LOST", "HELD", "BYTES"]
    has_below = any(group.below is not None for group in groups)
    heads += ["BELOW"] if has_below else []
    heads += ["GROWING", "VERDICT"] if compared else []
    for head in (*heads, "SAMPLE"):
        left = head in ("HELD", "VERDICT", "SAMPLE")
        table.add_column(head, justify="left" if left else "right", no_wrap=True)
    for group in groups:
        cells = [
            _mark_count(leaks, group.objects),
            _mark_count(leaks, group.missing),
            group.held,
            f"{format_compact(group.bytes)}B",
        ]
        if has_below:
            cells.append("?" if group.below is None else f"{format_compact(group.below)}B")
        if compared:
            cells += [f"{group.growing:+,}" if group.growing is not None else "?"]
            cells += [_name_verdict(judge_orphans(leaks, group))]
        cells.append(_write_sample(group))
        table.add_row(Text(escape_text(group.type, LONGEST_NAME)), *map(Text, cells))
    return table


def _garbage_table(rows: Sequence[Garbage]) -> Table:
    """Return what awaits a collection."""
    table = bare_table()
    table.add_column("GARBAGE", overflow="ellipsis", no_wrap=True)
    for head in ("OBJECTS", "BYTES"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        cells = [escape_text(row.type, LONGEST_NAME), f"{row.objects:,}"]
        table.add_row(*map(Text, cells), Text(f"{format_compact(row.bytes)}B"))
    return table


def _write_sample(group: OrphanGroup) -> str:
    """Return one object of a group."""
    for each in group.sample:
        value = "" if each.repr is None else f" {escape_text(each.repr, LONGEST_VALUE)}"
        return f"{each.address:#x}{value}"
    return ""


def _list_advice(
    leaks: Leaks, types: Sequence[LostType], orphans: Sequence[OrphanGroup]
) -> list[Text]:
    """Return what to check for the first rows with a verdict."""
    judged = [(row.name, judge_type(leaks, row)) for row in types]
    judged += [(group.type, judge_orphans(leaks, group)) for group in orphans]
    return [
        Text(f"{escape_text(name, LONGEST_NAME)}: {each.verdict.value}: {each.advice}")
        for name, each in judged
        if each is not None
    ][:MOST_ADVICE]


def _write_caption(
    leaks: Leaks,
    types: Sequence[LostType],
    orphans: Sequence[OrphanGroup],
    room: int | None,
) -> list[str]:
    """Return what the numbers are, and what is not shown."""
    lines: list[str] = []
    hidden = max(0, len(types) - (room or len(types))) + max(
        0, len(orphans) - (room or len(orphans))
    )
    if hidden:
        lines.append(f"{format_plural(hidden, 'more row')}; --limit 0 shows all")
    if leaks.seconds is not None:
        lines += _describe_lost_once(leaks)
    if types or orphans:
        least = "LOST is a proved minimum: references" if leaks.proved else "~ may be held; LOST:"
        lines.append(f"{least} that no word of memory holds")
    elif leaks.unsearched:
        lines.append("nothing can be said")
    else:
        grows = " more" if leaks.seconds is not None else ""
        proof = "" if leaks.proved else "; --blocking proves it"
        lines.append(f"no{grows} references were lost, as far as memory shows{proof}")
    inner = sum(group.objects for group in leaks.orphans if group.held == "interior")
    if inner:
        lines.append(
            f"{format_plural(inner, 'object')} may be held by pointers into them: no claim"
        )
    if leaks.unsearched:
        lines.append(f"not searched, so that nothing is proved: {', '.join(leaks.unsearched[:3])}")
    return lines


def _describe_lost_once(leaks: Leaks) -> list[str]:
    """Return how much was lost before, and no more since."""
    types = [row for row in leaks.types if not (row.growing or 0) > 0]
    orphans = [
        group
        for group in leaks.orphans
        if group.held != "interior" and not (group.growing or 0) > 0
    ]
    if not types and not orphans:
        return []
    number = sum(row.lost or 0 for row in types) + sum(group.missing or 0 for group in orphans)
    kinds = len({row.name for row in types} | {group.type for group in orphans})
    references, of = format_plural(number, "reference"), format_plural(kinds, "type")
    return [f"lost before and no more since: {references} of {of}"]
