"""What keys do to the state, each a function from state to state, or one that makes such; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from inspector.screen.dashboard.sizes import body_height, table_height
from inspector.screen.dashboard.state import Prompt, State, arranged
from inspector.screen.dashboard.watch_options import BOARD_SORTS, FASTEST, SLOWEST

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FAR",
    "all_threads",
    "ask_export",
    "back",
    "clear",
    "interval",
    "kind",
    "mode",
    "move",
    "next_sort",
    "page",
    "pause",
    "reset",
    "seek",
    "sideways",
    "sort",
    "speed",
]

STEPS: Final = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Intervals, in seconds."""
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
FAR: Final = 1 << 40
"""More lines than anything has."""


def sort(name: str) -> Callable[[State], State]:
    """Sort by something, its largest first."""

    def act(state: State) -> State:
        return arranged(replace(state, sort=name, reverse=False, cursor=0, top=0))

    return act


def next_sort(step: int) -> Callable[[State], State]:
    """Sort by what is so many columns on."""

    def act(state: State) -> State:
        place = BOARD_SORTS.index(state.sort) + step
        return sort(BOARD_SORTS[place % len(BOARD_SORTS)])(state)

    return act


def kind(name: str) -> Callable[[State], State]:
    """Show objects of another kind."""

    def act(state: State) -> State:
        if state.kind == name or state.ended:
            return state
        # Other objects have another past.
        return replace(state, kind=name, history=None, order=(), cursor=0, top=0, mode="table")

    return act


def move(lines: int) -> Callable[[State], State]:
    """Go so many lines down."""

    def act(state: State) -> State:
        if state.mode != "table":
            return replace(state, scroll=max(0, state.scroll + lines))
        cursor = max(0, min(state.cursor + lines, len(state.order) - 1))
        return replace(state, cursor=cursor)

    return act


def page(pages: int) -> Callable[[State], State]:
    """Go so many screens down."""

    def act(state: State) -> State:
        room = table_height(state) if state.mode == "table" else body_height(state)
        return move(pages * max(1, room - 1))(state)

    return act


def interval(step: int) -> Callable[[State], State]:
    """Read more or less often."""

    def act(state: State) -> State:
        near = min(range(len(STEPS)), key=lambda place: abs(STEPS[place] - state.interval))
        interval = STEPS[max(0, min(near + step, len(STEPS) - 1))]
        return replace(state, interval=max(FASTEST, min(interval, SLOWEST)))

    return act


def seek(readings: int) -> Callable[[State], State]:
    """Go to another reading of a recording, and stay there."""

    def act(state: State) -> State:
        if state.playing is None:
            return state
        number = max(0, min(state.playing.number + readings, state.playing.count - 1))
        return replace(state, playing=replace(state.playing, number=number), paused=True)

    return act


def speed(step: int) -> Callable[[State], State]:
    """Replay faster or slower."""

    def act(state: State) -> State:
        if state.playing is None:
            return state
        place = SPEEDS.index(state.playing.speed) + step
        speed = SPEEDS[max(0, min(place, len(SPEEDS) - 1))]
        return replace(state, playing=replace(state.playing, speed=speed))

    return act


def mode(name: str) -> Callable[[State], State]:
    """Show something else than the table, or the table again."""

    def act(state: State) -> State:
        mode = "table" if state.mode == name else name
        # Of output the end is what one wants to see.
        return replace(state, mode=mode, scroll=FAR if mode == "output" else 0)

    return act


def back(state: State) -> State:
    """Leave what is shown instead of the table, else clear the filter."""
    if state.mode != "table":
        return replace(state, mode="table", scroll=0)
    return clear(state) if state.filter else state


def clear(state: State) -> State:
    """Show all rows."""
    return arranged(replace(state, filter="", patterns=()))


def reset(state: State) -> State:
    """Begin anew: growth, updates and verdicts count from now."""
    if state.history is None:
        return state
    return arranged(replace(state, history=state.history.rebased(), message="new baseline"))


def pause(state: State) -> State:
    """Pause, or go on; at the end of a recording, from its beginning."""
    playing = state.playing
    if state.paused and playing is not None and playing.number == playing.count - 1:
        return replace(state, paused=False, playing=replace(playing, number=0))
    return replace(state, paused=not state.paused)


def all_threads(state: State) -> State:
    """Show a column per thread, or none."""
    return replace(state, threads=not state.threads, first_thread=0, mode="table")


def sideways(threads: int) -> Callable[[State], State]:
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
