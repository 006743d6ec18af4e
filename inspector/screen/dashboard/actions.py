"""What keys do to the state, each a function from state to state, or one that makes such; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from inspector.screen.dashboard.sizes import body_height, table_height
from inspector.screen.dashboard.state import (
    Prompt,
    State,
    arrange_rows,
    select_finding,
    select_row,
)
from inspector.screen.dashboard.watch_options import BOARD_SORTS, FASTEST, SLOWEST

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FAR",
    "ask_export",
    "change_interval",
    "change_speed",
    "clear_filter",
    "go_back",
    "move_down",
    "open_selected",
    "page_down",
    "reset_baseline",
    "scroll_threads",
    "seek_reading",
    "show_kind",
    "sort_by",
    "sort_by_next",
    "toggle_mode",
    "toggle_pause",
    "toggle_threads",
]

STEPS: Final = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Intervals, in seconds."""
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
FAR: Final = 1 << 40
"""More lines than anything has."""


def sort_by(name: str) -> Callable[[State], State]:
    """Sort by something, its largest first."""

    def act(state: State) -> State:
        return arrange_rows(replace(state, sort=name, reverse=False, cursor=0, top=0))

    return act


def sort_by_next(step: int) -> Callable[[State], State]:
    """Sort by what is so many columns on."""

    def act(state: State) -> State:
        place = BOARD_SORTS.index(state.sort) + step
        return sort_by(BOARD_SORTS[place % len(BOARD_SORTS)])(state)

    return act


def show_kind(name: str) -> Callable[[State], State]:
    """Show objects of another kind."""

    def act(state: State) -> State:
        if state.kind == name or state.ended:
            return state
        # Other objects have another past.
        return replace(state, kind=name, history=None, order=(), cursor=0, top=0, mode="table")

    return act


def move_down(lines: int) -> Callable[[State], State]:
    """Go so many lines down."""

    def act(state: State) -> State:
        if state.mode == "findings" and state.look is not None and state.look.findings:
            last = len(state.look.findings) - 1
            return replace(state, chosen=max(0, min(state.chosen + lines, last)))
        if state.mode != "table":
            return replace(state, scroll=max(0, state.scroll + lines))
        cursor = max(0, min(state.cursor + lines, len(state.order) - 1))
        return replace(state, cursor=cursor)

    return act


def page_down(pages: int) -> Callable[[State], State]:
    """Go so many screens down."""

    def act(state: State) -> State:
        room = table_height(state) if state.mode == "table" else body_height(state)
        return move_down(pages * max(1, room - 1))(state)

    return act


def change_interval(step: int) -> Callable[[State], State]:
    """Read more or less often."""

    def act(state: State) -> State:
        near = min(range(len(STEPS)), key=lambda place: abs(STEPS[place] - state.interval))
        interval = STEPS[max(0, min(near + step, len(STEPS) - 1))]
        return replace(state, interval=max(FASTEST, min(interval, SLOWEST)))

    return act


def seek_reading(readings: int) -> Callable[[State], State]:
    """Go to another reading of a recording, and stay there."""

    def act(state: State) -> State:
        if state.playing is None:
            return state
        number = max(0, min(state.playing.number + readings, state.playing.count - 1))
        return replace(state, playing=replace(state.playing, number=number), paused=True)

    return act


def change_speed(step: int) -> Callable[[State], State]:
    """Replay faster or slower."""

    def act(state: State) -> State:
        if state.playing is None:
            return state
        place = SPEEDS.index(state.playing.speed) + step
        speed = SPEEDS[max(0, min(place, len(SPEEDS) - 1))]
        return replace(state, playing=replace(state.playing, speed=speed))

    return act


def toggle_mode(name: str) -> Callable[[State], State]:
    """Show something else than the table, or the table again."""

    def act(state: State) -> State:
        mode = "table" if state.mode == name else name
        # Of output the end is what one wants to see.
        return replace(state, mode=mode, scroll=FAR if mode == "output" else 0)

    return act


def open_selected(state: State) -> State:
    """Show what is under the cursor: a row, or what a finding is about."""
    return select_finding(state) if state.mode == "findings" else select_row(state)


def go_back(state: State) -> State:
    """Leave what is shown instead of the table, else clear the filter."""
    if state.mode != "table":
        mode = state.origin if state.mode == "details" else "table"
        return replace(state, mode=mode, scroll=0)
    return clear_filter(state) if state.filter else state


def clear_filter(state: State) -> State:
    """Show all rows."""
    return arrange_rows(replace(state, filter="", patterns=()))


def reset_baseline(state: State) -> State:
    """Begin anew: growth, updates and verdicts count from now."""
    if state.history is None:
        return state
    return arrange_rows(replace(state, history=state.history.rebase(), message="new baseline"))


def toggle_pause(state: State) -> State:
    """Pause, or go on; at the end of a recording, from its beginning."""
    playing = state.playing
    if state.paused and playing is not None and playing.number == playing.count - 1:
        return replace(state, paused=False, playing=replace(playing, number=0))
    return replace(state, paused=not state.paused)


def toggle_threads(state: State) -> State:
    """Show a column per thread, or none."""
    return replace(state, threads=not state.threads, first_thread=0, mode="table")


def scroll_threads(threads: int) -> Callable[[State], State]:
    """Show threads further to the right."""

    def act(state: State) -> State:
        last = len(state.snapshot.threads) - 1 if state.snapshot else 0
        return replace(state, first_thread=max(0, min(state.first_thread + threads, last)))

    return act


def ask_export(state: State) -> State:
    """Ask for the name of a file."""
    if state.snapshot is None:
        return state
    return replace(state, prompt=Prompt("export", f"inspector-{state.snapshot.target.pid}.svg"))
