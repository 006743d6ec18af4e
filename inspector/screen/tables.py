"""A snapshot as Rich renderables: pure functions, from values to what is drawn.

A table takes the columns that fit.  Names are cut in their middle to let a column
in; those that tell least are left out first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from inspector.screen.cells import (
    GAP,
    bare_table,
    cut_to_width,
    format_compact,
    measure_column,
)
from inspector.screen.text import (
    GIL_ON,
    escape_text,
    format_count,
    format_duration,
    format_plural,
    format_share,
    join_facts,
    on_off,
)
from inspector.snapshots.row_verdict import judge_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.table import Table

    from inspector.screen.selection import Selected
    from inspector.snapshots.heap import TypeUse
    from inspector.snapshots.snapshot import InterpreterCount, ObjectCount, Snapshot

__all__ = ["type_table", "write_caption", "write_heading"]


def _format_total(row: ObjectCount) -> str:
    """Return the total, marked with ``~`` where it moved while it was read."""
    if row.settled or row.total is None:
        return format_count(row.total)
    if row.bounds is None or row.bounds[0] == row.bounds[1]:
        return f"~{format_count(row.total)}"
    return f"~{format_count(row.bounds[0])}..{format_count(row.bounds[1])}"


def _format_instances(use: TypeUse | None) -> str:
    """Return how many instances a type has, marked with ``~`` where that is an estimate."""
    if use is None:
        return "?"
    return f"{'' if use.instances == use.low else '~'}{format_count(use.instances)}"


def _format_bytes(use: TypeUse | None) -> str:
    """Return the bytes of the instances of a type."""
    return "?" if use is None else f"{format_compact(use.bytes)}B"


def _format_verdict(row: ObjectCount) -> str:
    """Return what one reading alone says of an object, mostly nothing."""
    judged = judge_reading(row, gil_enabled=None)
    return "" if judged is None else judged.verdict.value


CELLS: Final[dict[str, Callable[[ObjectCount], str]]] = {
    "TOTAL": _format_total,
    "GETREFCOUNT": lambda row: "?" if row.getrefcount is None else str(row.getrefcount),
    "LOCAL": lambda row: format_count(row.local),
    "SHARED": lambda row: format_count(row.unbiased),
    "THREADS": lambda row: format_count(row.contributed),
    "STACK": lambda row: format_count(row.deferred),
    "INTERPRETER": lambda row: str(row.interpreter),
    "STATE": lambda row: row.state,
    "ID": lambda row: str(row.unique_id) if row.unique_id else "no id",
    "VERDICT": _format_verdict,
    "ADDRESS": lambda row: f"{row.address:#x}",
}
"""Every column beside the names that one row tells, in the order in which they are drawn."""

HEAP_TITLES: Final = ("INSTANCES", "BYTES")
"""Columns that the heap tells, drawn behind the total."""

TITLES: Final = ("TOTAL", *HEAP_TITLES, *(title for title in CELLS if title != "TOTAL"))

FIRST: Final = ("TOTAL", "THREADS", "SHARED", "LOCAL")
"""The columns that names make room for, down to :data:`NARROWEST`."""

FIRST_OF_ALL: Final = FIRST[:2]
"""Those of them that stay where a column of a single thread has no room otherwise."""

THEN: Final = (
    "INSTANCES",
    "BYTES",
    "GETREFCOUNT",
    "STACK",
    "INTERPRETER",
    "STATE",
    "ID",
    "VERDICT",
    "ADDRESS",
)
"""The columns that are added while names keep :data:`COMFORTABLE`."""

AFTER_THREADS: Final = frozenset({"INTERPRETER", "STATE", "ID", "VERDICT", "ADDRESS"})
"""Columns to the right of those of single threads."""

NARROWEST: Final = 12
COMFORTABLE: Final = 22

THREAD_NAME: Final = 14
"""Cells of a thread's name in the head of its column."""

LONGEST_COMMAND: Final = 60

RAN: Final = "read while it ran"


class Column(NamedTuple):
    """A column beside the names: its head, of one line or two, and its cells."""

    head: str
    cells: list[str]

    @property
    def width(self) -> int:
        """The cells that it takes, with the gap before it."""
        return GAP + measure_column("", [*self.head.split("\n"), *self.cells])


def type_table(selected: Selected, width: int, *, threads: bool = False) -> Table:
    """Return the rows as a table of at most ``width`` cells.

    ``threads`` adds a column per thread, the busiest first; those that find no room
    are summed up in a column called others.
    """
    snapshot = selected.snapshot
    rows = list(snapshot)
    names = [escape_text(row.name) for row in rows]
    longest = measure_column("TYPE", names)
    columns: dict[str, Column] = {}
    for title, cell in CELLS.items():
        columns[title] = Column(title, [cell(row) for row in rows])
    if snapshot.heap is not None or snapshot.why_no_heap:
        uses = [snapshot.find_use(row) for row in rows]
        columns["INSTANCES"] = Column("INSTANCES", [_format_instances(use) for use in uses])
        columns["BYTES"] = Column("BYTES", [_format_bytes(use) for use in uses])
    if len(snapshot.interpreters) == 1:
        del columns["INTERPRETER"]
    if not any(columns["VERDICT"].cells):
        del columns["VERDICT"]
    for titles in (FIRST, FIRST_OF_ALL):
        chosen = _choose_columns(columns, titles, width - min(NARROWEST, longest))
        left = width - min(COMFORTABLE, longest) - _sum_widths(columns[title] for title in chosen)
        per_thread = _thread_columns(snapshot, rows, left) if threads else []
        if per_thread or not threads:
            break
    chosen |= _choose_columns(columns, THEN, left - _sum_widths(per_thread))
    drawn: list[Column] = []
    last: list[Column] = []
    for title in TITLES:
        if title in chosen:
            side = last if title in AFTER_THREADS else drawn
            side.append(columns[title])
    drawn += [*per_thread, *last]
    space = min(longest, max(1, width - _sum_widths(drawn)))
    return _draw_table([cut_to_width(name, space) for name in names], space, drawn)


def _choose_columns(columns: dict[str, Column], titles: Iterable[str], room: int) -> set[str]:
    """Return those of these columns that fit, each tried in turn; the first one always."""
    chosen: set[str] = set()
    for title in titles:
        if title in columns and (columns[title].width <= room or title == FIRST[0]):
            chosen.add(title)
            room -= columns[title].width
    return chosen


def _sum_widths(columns: Iterable[Column]) -> int:
    width = 0
    for column in columns:
        width += column.width
    return width


def _thread_columns(snapshot: Snapshot, rows: Sequence[ObjectCount], room: int) -> list[Column]:
    """Return a column per thread that fits, then one for the sum of the others."""
    names = {thread.native_id: thread.name for thread in reversed(snapshot.threads)}
    busy: dict[int, int] = {thread.native_id: 0 for thread in snapshot.threads}
    for row in rows:
        for thread, number in row.contributions.items():
            busy[thread] = busy.get(thread, 0) + abs(number)
    ranked = sorted(busy, key=lambda thread: busy[thread], reverse=True)
    columns = []
    for thread in ranked:
        head = f"{cut_to_width(escape_text(names.get(thread, '')), THREAD_NAME)}\n{thread}"
        columns.append(Column(head, [_format_contribution(row, [thread]) for row in rows]))
    if _sum_widths(columns) <= room:
        return columns
    for kept in range(len(columns) - 1, 0, -1):
        if _sum_widths(columns[:kept]) < room:
            shown = [*columns[:kept], _others_column(rows, ranked[kept:])]
            if _sum_widths(shown) <= room:
                return shown
    return []


def _others_column(rows: Sequence[ObjectCount], threads: Sequence[int]) -> Column:
    """Return the column that sums up some threads."""
    head = f"others\n{format_plural(len(threads), 'thread')}"
    return Column(head, [_format_contribution(row, threads) for row in rows])


def _format_contribution(row: ObjectCount, threads: Iterable[int]) -> str:
    """Return the sum of what some threads contribute to a row."""
    if row.contributed is None:
        return "?"
    total = 0
    for thread in threads:
        total += row.contributions.get(thread, 0)
    return format_count(total)


def _draw_table(names: Sequence[str], space: int, columns: Sequence[Column]) -> Table:
    """Return the table; every width is given, so that Rich has nothing to shrink."""
    table = bare_table()
    table.add_column("TYPE", width=space, no_wrap=True, vertical="bottom")
    for column in columns:
        table.add_column(
            Text(column.head),
            width=column.width - GAP,
            justify="left" if column.head in {"STATE", "VERDICT"} else "right",
            no_wrap=True,
            vertical="bottom",
        )
    for number, name in enumerate(names):
        cells = [Text(column.cells[number], _cell_style(column, number)) for column in columns]
        table.add_row(Text(name), *cells)
    return table


def _cell_style(column: Column, number: int) -> str:
    """Return how a cell is drawn: the total stands out, nothing and noise step back."""
    cell = column.cells[number]
    if cell.startswith("~"):
        return "yellow"
    if cell in {"0", "?"} or column.head == "GETREFCOUNT":
        return "dim"
    return "bold" if column.head == "TOTAL" else ""


def write_heading(snapshot: Snapshot) -> Text:
    """Return what was read, and how."""
    target = snapshot.target
    heading = join_facts(
        "inspector",
        f"pid {target.pid}",
        escape_text(target.command, LONGEST_COMMAND),
        f"Python {target.version} GIL {on_off(target.gil_enabled)}",
        format_plural(len(snapshot.threads), "thread"),
        format_plural(len(snapshot.interpreters), "interpreter"),
    )
    lines = [Text(heading, "bold")]
    if target.gil_enabled:
        lines.append(Text(GIL_ON, "bold yellow"))
    alone = len(snapshot.interpreters) == 1
    if snapshot.why_not_exact:
        lines.append(Text(f"not exact: {escape_text(snapshot.why_not_exact)}"))
    for interpreter in snapshot.interpreters:
        how = _describe_exactness(interpreter, snapshot)
        if not alone:
            how = f"interpreter {interpreter.id}: {how}"
        pool = interpreter.pool
        used = f"{format_count(pool.in_use)} of {format_count(pool.capacity)} ids in use"
        lines.append(Text(f"{how} · {used}"))
    return Text("\n").join(lines)


def _describe_exactness(interpreter: InterpreterCount, snapshot: Snapshot) -> str:
    """Return how an interpreter was read."""
    if not interpreter.exact:
        rows = [row.settled for row in snapshot if row.interpreter == interpreter.id]
        return f"{RAN}, {format_share(sum(rows), len(rows))} settled" if rows else RAN
    if snapshot.pause_ns is None:
        return "exact"
    return f"exact, paused for {format_duration(snapshot.pause_ns)}"


def _describe_heap(snapshot: Snapshot) -> list[str]:
    """Return how instances were read, or why they were not."""
    if snapshot.why_no_heap:
        return [f"INSTANCES are not known: {escape_text(snapshot.why_no_heap)}"]
    heap = snapshot.heap
    if heap is None:
        return []
    how = "exact" if heap.exact else "estimated while it ran"
    rss = "?" if heap.rss is None else f"{format_compact(heap.rss)}B"
    objects = f"{format_count(heap.instances)} objects of {len(heap.types):,} types"
    return [f"INSTANCES {how}, after the counts: {objects}, RSS {rss}"]


def write_caption(selected: Selected, sort: str, remarks: Sequence[str] = ()) -> Text:
    """Return what the rows are and how their numbers come about, and then the remarks."""
    rows = list(selected.snapshot)
    shown = f"{len(rows):,} of {format_plural(selected.matching, 'type')}"
    if selected.matching < selected.all:
        shown += f" that match, of {selected.all:,}"
    more = "; --limit 0 shows all" if len(rows) < selected.matching else ""
    lines = [f"{shown}, sorted by {sort}{more}"] if rows else ["no type matches"]
    if rows:
        stacks_were_read = all(row.deferred is not None for row in rows)
        lines.append(
            "TOTAL = LOCAL + SHARED + THREADS"
            + (" + STACK" if stacks_were_read else " (STACK was not read)")
            + ", SHARED without CPython's bias, which GETREFCOUNT has"
        )
    lines += _describe_heap(selected.snapshot)
    if not all(row.settled for row in rows):
        lines.append("~ moved while it was read")
    return Text("\n".join([*lines, *remarks]), "dim")
