"""The page of the heap: instances and bytes of every type, built-in types included; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from inspector.screen import cells
from inspector.screen.dashboard.glyphs import draw_sparkline
from inspector.screen.dashboard.sizes import body_height
from inspector.screen.dashboard.state import make_state_matcher
from inspector.screen.text import escape_text, format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.analysis.heap_history import HeapHistory
    from inspector.screen.dashboard.state import State
    from inspector.snapshots.heap import TypeUse

__all__ = ["describe_heap", "heap_lines"]

LEAST: Final = 12
"""Cells that names keep in any case."""

WIDEST_NAME: Final = 60
LONGEST_TREND: Final = 30

HEADS: Final = 2
"""Lines above the rows."""


class HeapColumn(NamedTuple):
    """A column beside the names."""

    head: str
    width: int
    cell: Callable[[TypeUse, HeapHistory], str]


def _format_bytes(number: int | None) -> str:
    return "" if number is None else f"{cells.format_compact(number)}B"


def _format_size_growth(use: TypeUse, heap: HeapHistory) -> str:
    growth = heap.measure_size_growth(use.key)
    return f"{'+' if growth > 0 else ''}{_format_bytes(growth)}"


def _format_instances(use: TypeUse, _: HeapHistory) -> str:
    return f"{'' if use.instances == use.low else '~'}{cells.format_number(use.instances)}"


COLUMNS: Final = (
    HeapColumn("INSTANCES", 12, _format_instances),
    HeapColumn(
        "GROWTH", 10, lambda use, heap: cells.format_signed(heap.measure_growth(use.key), 10)
    ),
    HeapColumn("/s", 7, lambda use, heap: cells.format_rate(heap.measure_rate(use.key))),
    HeapColumn("BYTES", 7, lambda use, _: _format_bytes(use.bytes)),
    HeapColumn("+BYTES", 8, _format_size_growth),
    HeapColumn("ATTACHED", 8, lambda use, _: _format_bytes(use.attached)),
)
"""In the order in which they are drawn; those that find no room are left out from the end."""


def heap_lines(state: State) -> list[Text]:
    """Return the page: when the heap was read, and a row for each type that matches.

    Rows that are not on the screen are blank, and the heads stay above those that are:
    thousands of types are drawn several times a second.
    """
    history = state.history
    if history is None:
        return []
    heap = history.heap
    if heap is None:
        why = history.latest.why_no_heap
        why = why or "not yet, or not at all with --no-instances"
        return [Text(f"the heap was not read: {escape_text(why)}")]
    arranged = _arrange_types(state, heap)
    room = body_height(state)
    first = min(state.scroll, max(0, len(arranged) + HEADS - room))
    uses = arranged[first : first + max(0, room - HEADS)]
    longest = max([LEAST, *(cell_len(escape_text(use.name, WIDEST_NAME)) for use in uses)])
    room = state.size.width - LEAST
    chosen = []
    for column in COLUMNS:
        if column.width + 1 > room:
            break
        chosen.append(column)
        room -= column.width + 1
    space = min(longest, WIDEST_NAME, LEAST + max(0, room))
    trend = min(LONGEST_TREND, LEAST + room - space - 1)
    head = Text("TYPE".ljust(space), "bold")
    for column in chosen:
        head.append(f" {column.head:>{column.width}}")
    head.append(" TREND" if trend > len("TREND") else "")
    lines = [Text("")] * first
    lines += [Text(describe_heap(state)), head]
    for use in uses:
        name = cells.cut_to_width(escape_text(use.name), space)
        line = Text(name + " " * (space - cell_len(name)), no_wrap=True)
        for column in chosen:
            text = column.cell(use, heap)
            style = "red" if text.startswith("+") else "dim" if text in {"0", "0B"} else ""
            line.append(f" {text:>{column.width}}", style)
        if trend > len("TREND"):
            instances = heap.list_instances(use.key)
            line.append(f" {draw_sparkline(instances, trend, unicode=state.unicode)}", "blue")
        lines.append(line)
    lines += [Text("")] * (len(arranged) + HEADS - len(lines))
    return lines


def describe_heap(state: State) -> str:
    """Return when and how the heap was read, and what it comes to."""
    history = state.history
    if history is None or history.heap is None:
        return "the heap was not read"
    heap = history.heap
    now, before = heap.latest, heap.baseline
    age = max(0.0, (history.latest.taken_ns - now.taken_ns) / 1e9)
    how = "exact" if now.exact else "while it ran"
    facts = [
        f"heap read at {cells.format_clock(now.taken_ns)}, {age:.0f} s before, {how}",
        f"{format_count(now.instances)} objects in {_format_bytes(now.bytes)}",
    ]
    if now.rss is not None:
        grown = 0 if before.rss is None else now.rss - before.rss
        change = f" ({'+' if grown > 0 else ''}{_format_bytes(grown)})" if grown else ""
        facts.append(f"RSS {_format_bytes(now.rss)}{change}")
    facts.append(f"baseline {cells.format_clock(before.taken_ns)}")
    return " · ".join(facts)


def _arrange_types(state: State, heap: HeapHistory) -> list[TypeUse]:
    """Return the types that the filters let through, in the order that was asked for.

    The order is that of the types' table where the heap has the same: by name, instances,
    bytes or growth; else by size.
    """
    matches = make_state_matcher(state)
    uses = [use for use in heap.latest.types if matches(use.name)]
    ranks: dict[str, Callable[[TypeUse], int]] = {
        "instances": lambda use: use.instances,
        "bytes": lambda use: use.bytes,
        "growth": lambda use: heap.measure_growth(use.key),
        "rate": lambda use: heap.measure_growth(use.key),
        "name": lambda _: 0,
    }
    rank = ranks.get(state.sort, lambda use: use.size)
    uses.sort(key=lambda use: use.name, reverse=state.reverse and state.sort == "name")
    uses.sort(key=rank, reverse=not state.reverse)
    return uses
