"""The table: which columns fit, and its lines; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from inspector.screen import cells
from inspector.screen.dashboard.column import COLUMNS, Column, Context
from inspector.screen.dashboard.sizes import table_height
from inspector.screen.dashboard.state import row_at
from inspector.screen.text import escape_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.screen.dashboard.state import State
    from inspector.snapshots.snapshot import ObjectCount

__all__ = ["table_lines"]

COMFORTABLE: Final = 20
"""Cells that names keep while there is another column to leave out."""
LEAST: Final = 12
"""Cells that names keep in any case."""
WIDEST_NAME: Final = 60
THREAD: Final = 11
"""Cells of the column of one thread, its gap included."""
SELECTED: Final = "reverse"


FIRST: Final = ("TOTAL", "/s", "VERDICT", "THREADS", "UPDATES/s", "SHARED", "LOCAL", "TREND")
"""The columns that matter most, in turn; then those that are added when there is room."""
OF_HEAP: Final = ("INSTANCES", "BYTES")
"""Added after the first ones, where the heap was read."""
THEN: Final = ("BY THREAD", "USED BY", "MOVED IN", "STACK", "GROWTH")


def table_lines(state: State) -> list[Text]:
    """Return the heads and the rows that are on the screen."""
    history = state.history
    if history is None:
        return []
    last = state.top + table_height(state)
    rows = [row for place in range(state.top, last) if (row := row_at(state, place)) is not None]
    head = state.kind.upper()
    longest = max([len(head), *(cell_len(cells.format_name(row)) for row in rows)])
    space, chosen = choose_columns(state, min(longest, WIDEST_NAME))
    names = {column.head for column in chosen}
    left = state.size.width - space - sum(column.width + 1 for column in chosen)
    # What is left over makes trends and bars longer.
    trend = 10 + (max(0, left) * 2 // 3 if "TREND" in names and not state.threads else 0)
    bars = 9 + (max(0, left) // 3 if "BY THREAD" in names and not state.threads else 0)
    trend, bars = min(trend, 40), min(bars, 32)
    threads = _rank_threads(state, rows)
    if not state.threads:
        threads = _sort_threads(state, threads[:bars])
    context = Context(history, threads, state.unicode, bars, trend)
    chosen = [_with_width(column, context) for column in chosen]
    if state.threads:
        chosen = _with_threads(state, chosen, context, left)
    lines = _head_lines(state, head, space, chosen)
    for place, row in enumerate(rows, state.top):
        line = _row_line(row, space, chosen, context)
        if place == state.cursor:
            # Without the colours of its cells, which would be patches in the bar.
            line = Text(line.plain, SELECTED, no_wrap=True)
            line.truncate(state.size.width, overflow="ellipsis", pad=True)
        lines.append(line)
    return lines


def choose_columns(state: State, longest: int) -> tuple[int, list[Column]]:
    """Return the cells of the names and the columns that fit beside them."""
    by_head = {column.head: column for column in COLUMNS}
    sorted_by = [column.head for column in COLUMNS if column.sort == state.sort]
    of_heap = OF_HEAP if state.history is not None and state.history.heap is not None else ()
    wanted = [*FIRST[:1], *sorted_by, *FIRST[1:], *of_heap, *THEN]
    if state.threads:
        wanted = [*FIRST[:1], *sorted_by, "/s", "THREADS"]
    names = max(LEAST, min(longest, COMFORTABLE))
    # A column per thread is at least two: one of them, and the sum of the others.
    room = state.size.width - names - (2 * THREAD if state.threads else 0)
    chosen = set()
    for title in wanted:
        width = by_head[title].width + 1
        if title not in chosen and width <= room:
            chosen.add(title)
            room -= width
    space = min(longest, names + max(0, room))
    if state.threads:
        space = min(space, max(names, 34))
    return space, [column for column in COLUMNS if column.head in chosen]


def _with_width(column: Column, context: Context) -> Column:
    if column.head == "TREND":
        return column._replace(width=context.trend)
    return column._replace(width=context.bars) if column.head == "BY THREAD" else column


def _rank_threads(state: State, rows: Sequence[ObjectCount]) -> list[int]:
    """Return the threads, those that contribute most to the rows on the screen first."""
    snapshot = state.snapshot
    busy: Counter[int] = Counter()
    if snapshot is not None:
        busy.update({thread.native_id: 0 for thread in snapshot.threads})
    for row in rows:
        for thread, value in row.contributions.items():
            busy[thread] += abs(value)
    return [thread for thread, _ in busy.most_common()]


def _sort_threads(state: State, threads: Sequence[int]) -> list[int]:
    """Return threads as the target lists them: what is busiest changes all the time."""
    known = [thread.native_id for thread in state.snapshot.threads] if state.snapshot else []
    places = {thread: place for place, thread in enumerate(dict.fromkeys(known))}
    return sorted(threads, key=lambda thread: places.get(thread, -1))


def _with_threads(state: State, chosen: list[Column], context: Context, room: int) -> list[Column]:
    """Add a column for each thread that fits, and one that sums up those that do not."""
    snapshot = state.snapshot
    names = {thread.native_id: thread.name for thread in snapshot.threads} if snapshot else {}
    ranked = context.threads[state.first_thread :]
    fit = max(1, room // THREAD)
    if len(ranked) > fit:
        fit = max(1, fit - 1)
    columns = list(chosen)
    for thread in _sort_threads(state, ranked[:fit]):
        title = f"{cells.cut_to_width(escape_text(names.get(thread, '')), THREAD - 1)}\n{thread}"
        columns.append(Column(title, THREAD - 1, _contribution_cell([thread])))
    if rest := ranked[fit:]:
        columns.append(Column(f"others\n{len(rest)} threads", THREAD - 1, _contribution_cell(rest)))
    return columns


def _contribution_cell(threads: Sequence[int]) -> Callable[[ObjectCount, Context], str]:
    def cell(row: ObjectCount, _: Context) -> str:
        if row.contributed is None:
            return "?"
        return cells.format_signed(
            sum(row.contributions.get(thread, 0) for thread in threads), THREAD - 1
        )

    return cell


def _head_lines(state: State, head: str, space: int, chosen: Sequence[Column]) -> list[Text]:
    """Return the line of heads, or two with threads; the one sorted by is marked."""
    lines = []
    height = 2 if state.threads else 1
    for number in range(height):
        line = Text(head.ljust(space) if number == height - 1 else " " * space, "bold")
        if state.sort == "name" and number == height - 1:
            line.stylize("underline", 0, len(head))
        for column in chosen:
            parts = column.head.split("\n")
            parts = [""] * (height - len(parts)) + parts
            text = parts[number]
            style = "bold underline" if column.sort == state.sort and column.sort else "bold"
            gap = column.width - cell_len(text)
            line.append(" " if column.left else " " * (1 + gap))
            line.append(text, style if text else "")
            line.append(" " * gap if column.left else "")
        lines.append(line)
    return lines


def _row_line(row: ObjectCount, space: int, chosen: Sequence[Column], context: Context) -> Text:
    """Return one row."""
    name = cells.cut_to_width(cells.format_name(row), space)
    line = Text(name + " " * (space - cell_len(name)), no_wrap=True)
    for column in chosen:
        text = column.cell(row, context)
        gap = " " * (column.width - cell_len(text))
        line.append(" " if column.left else f" {gap}")
        line.append(text, _cell_style(column.head, text))
        line.append(gap if column.left else "")
    return line


def _cell_style(head: str, text: str) -> str:
    """Return how a cell is drawn: colour repeats what the text says."""
    if text.startswith("~"):
        return "yellow"
    if text in {"0", "?", "0%", "≥0", ">=0"}:
        return "dim"
    if head in {"/s", "GROWTH"}:
        return "red" if text.startswith("+") else "green"
    styles = {"TOTAL": "bold", "BY THREAD": "cyan", "TREND": "blue", "VERDICT": "bold magenta"}
    return styles.get(head, "")
