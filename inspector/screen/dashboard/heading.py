"""The lines above the table: what is watched, and how; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from inspector.screen import cells
from inspector.screen.dashboard.findings_page import summary_line
from inspector.screen.dashboard.sizes import head_height
from inspector.screen.text import (
    GIL_ON,
    escape_text,
    format_count,
    format_duration,
    format_plural,
    format_share,
    on_off,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.analysis.history import History
    from inspector.screen.dashboard.state import State
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["describe_status", "head_lines"]

KINDS = {
    "type": "types",
    "code": "code objects",
    "dict": "dicts",
    "static": "static types",
    "all": "objects",
}


def head_lines(state: State) -> list[Text]:
    """Return what is watched, in as many lines as there are."""
    history = state.history
    height = head_height(state)
    if history is None:
        lines = [Text("inspector · no reading yet", "bold")]
    else:
        width = state.size.width
        lines = [
            Text(_join_facts(_target_facts(state, history.latest), width), "bold"),
            Text(_join_facts(_reading_facts(state, history), width)),
        ]
        if height > 3 and history.latest.target.gil_enabled:  # noqa: PLR2004 - there is room
            lines.insert(1, Text(GIL_ON, "bold yellow"))
    if state.is_looking:
        lines = [summary_line(state), *lines][:height]
    told = describe_status(state)
    if told and height <= len(lines):
        lines = lines[: height - 1]
    lines += [Text("")] * (height - len(lines))
    if told:
        style = "bold red" if state.ended or state.trouble else "bold yellow"
        lines[-1] = Text(told, style)
    return lines


def describe_status(state: State) -> str:
    """Return what a person must know of the readings: ended, failing, paused."""
    if state.ended:
        return f"{escape_text(state.ended)}: this is the last reading"
    if state.trouble:
        return f"not read: {escape_text(state.trouble)}"
    return "paused" if state.paused and state.playing is None else ""


def _target_facts(state: State, snapshot: Snapshot) -> list[tuple[int, str]]:
    """Return the facts of the first line with their ranks: the highest is left out first."""
    target = snapshot.target
    facts = [
        (6, "inspector"),
        (0, f"pid {target.pid}"),
        (2, escape_text(target.command, 40)),
        (1, f"{target.version} GIL {on_off(target.gil_enabled)}"),
        (4, format_plural(len(snapshot.threads), "thread")),
        (
            5,
            format_plural(len(snapshot.interpreters), "interpreter")
            if _has_several_interpreters(snapshot)
            else "",
        ),
        (1, _describe_exactness(snapshot)),
    ]
    playing = state.playing
    if playing is None:
        facts.append((3, f"every {state.interval:g} s"))
    else:
        at = f"{playing.number + 1:,}/{playing.count:,}"
        how = "paused" if state.paused else ""
        if not how and playing.speed != 1:
            how = f"{playing.speed:g} times as fast"
        facts.append((0, f"replay {at} {cells.format_clock(snapshot.taken_ns)} {how}".rstrip()))
    return facts


def _reading_facts(state: State, history: History) -> list[tuple[int, str]]:
    snapshot, heap = history.latest, history.heap
    pool = snapshot.pool
    collections = history.readings[-1].collections
    since = f" ({cells.format_signed(history.collected)})" if history.collected else ""
    churn = ""
    if history.churn is not None:
        born, died = history.churn
        if born or died:
            churn = f" (+{cells.format_compact(born)}/s -{cells.format_compact(died)}/s)"
    return [
        (1, f"ids {format_count(pool.in_use)} of {format_count(pool.capacity)}"),
        (0, f"{KINDS.get(state.kind, state.kind)} {format_count(len(snapshot))}{churn}"),
        (2, f"gc {format_count(collections)}{since}"),
        (
            5,
            f"{format_plural(history.traffic.ended, 'thread')} ended"
            if history.traffic.ended
            else "",
        ),
        (4, f"heap {cells.format_clock(heap.latest.taken_ns)}" if heap is not None else ""),
        (3, f"baseline {cells.format_clock(history.baseline.taken_ns)}"),
        (4, f"pause {'none' if snapshot.pause_ns is None else format_duration(snapshot.pause_ns)}"),
        (2, f"not exact: {escape_text(reason, 60)}" if (reason := snapshot.why_not_exact) else ""),
        (1, f"filter {escape_text(_filter_text(state))}" if _filter_text(state) else ""),
    ]


def _filter_text(state: State) -> str:
    return " ".join([*state.patterns, *filter(None, [state.filter])])


def _has_several_interpreters(snapshot: Snapshot) -> bool:
    return len(snapshot.interpreters) > 1


def _describe_exactness(snapshot: Snapshot) -> str:
    """Return how consistent a reading is."""
    if snapshot.exact:
        return "exact"
    settled = sum(snapshot.column("settled"))
    return f"settled {format_share(settled, len(snapshot))}"


def _join_facts(facts: Sequence[tuple[int, str]], width: int) -> str:
    """Join facts; those of the highest rank are left out while they do not fit."""
    facts = [fact for fact in facts if fact[1]]
    while True:
        text = " · ".join(text for _, text in facts)
        if cell_len(text) <= width or len(facts) == 1:
            return text
        worst = max(rank for rank, _ in facts)
        last = max(number for number, (rank, _) in enumerate(facts) if rank == worst)
        facts = [*facts[:last], *facts[last + 1 :]]
