"""Keys, and what each does to the state; pure.

One table is all there is: help and footer are made of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.screen.dashboard.sizes import body_height, table_height
from inspector.screen.dashboard.state import (
    BOARD_SORTS,
    FASTEST,
    SLOWEST,
    Prompt,
    State,
    arranged,
    selected,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BINDINGS", "Binding", "press"]

STEPS: Final = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Intervals, in seconds."""
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
FAR: Final = 1 << 40
"""More lines than anything has."""


class Binding(NamedTuple):
    """Some keys, what they do, and where."""

    keys: tuple[str, ...]
    shown: str
    """As help spells them."""
    text: str
    act: Callable[[State], State]
    where: str = ""
    """``live``, ``replay``, ``output``: only there; else everywhere."""
    footer: str = ""
    """The word in the footer; none if it is not there."""


def press(state: State, key: str) -> State:
    """Return the state after a key."""
    state = replace(state, message="")
    if state.prompt is not None:
        return _type(state, state.prompt, key)
    for binding in BINDINGS:
        if key in binding.keys and applies(binding, state):
            return binding.act(state)
    return state


def applies(binding: Binding, state: State) -> bool:
    """Whether a binding is for what is watched."""
    if binding.where == "output":
        return state.output is not None
    return not binding.where or (binding.where == "replay") == (state.playing is not None)


def _type(state: State, prompt: Prompt, key: str) -> State:
    """Edit the line that is being typed; a filter works as it grows."""
    text = prompt.text
    if key == "escape":
        state = replace(state, prompt=None)
        return arranged(replace(state, filter="")) if prompt.purpose == "filter" else state
    if key == "enter":
        state = replace(state, prompt=None)
        return state if prompt.purpose == "filter" else replace(state, export=text)
    if key == "backspace":
        text = text[:-1]
    elif key == "ctrl-u":
        text = ""
    elif len(key) == 1 and key.isprintable():
        text += key
    elif prompt.purpose == "filter" and key in {"up", "down", "pageup", "pagedown"}:
        return press(replace(state, prompt=None), key)
    state = replace(state, prompt=replace(prompt, text=text))
    if prompt.purpose == "filter" and text != state.filter:
        state = arranged(replace(state, filter=text, cursor=0, top=0))
    return state


def _sort(name: str) -> Callable[[State], State]:
    def act(state: State) -> State:
        return arranged(replace(state, sort=name, reverse=False, cursor=0, top=0))

    return act


def _next_sort(step: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        place = BOARD_SORTS.index(state.sort) + step
        return _sort(BOARD_SORTS[place % len(BOARD_SORTS)])(state)

    return act


def _kind(name: str) -> Callable[[State], State]:
    def act(state: State) -> State:
        if state.kind == name or state.ended:
            return state
        # Other objects have another past.
        return replace(state, kind=name, history=None, order=(), cursor=0, top=0, mode="table")

    return act


def _move(lines: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        if state.mode != "table":
            return replace(state, scroll=max(0, state.scroll + lines))
        cursor = max(0, min(state.cursor + lines, len(state.order) - 1))
        return replace(state, cursor=cursor)

    return act


def _page(pages: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        room = table_height(state) if state.mode == "table" else body_height(state)
        return _move(pages * max(1, room - 1))(state)

    return act


def _interval(step: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        near = min(range(len(STEPS)), key=lambda place: abs(STEPS[place] - state.interval))
        interval = STEPS[max(0, min(near + step, len(STEPS) - 1))]
        return replace(state, interval=max(FASTEST, min(interval, SLOWEST)))

    return act


def _seek(readings: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        if state.playing is None:
            return state
        number = max(0, min(state.playing.number + readings, state.playing.count - 1))
        return replace(state, playing=replace(state.playing, number=number), paused=True)

    return act


def _speed(step: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        if state.playing is None:
            return state
        place = SPEEDS.index(state.playing.speed) + step
        speed = SPEEDS[max(0, min(place, len(SPEEDS) - 1))]
        return replace(state, playing=replace(state.playing, speed=speed))

    return act


def _mode(name: str) -> Callable[[State], State]:
    def act(state: State) -> State:
        mode = "table" if state.mode == name else name
        # Of output the end is what one wants to see.
        return replace(state, mode=mode, scroll=FAR if mode == "output" else 0)

    return act


def _back(state: State) -> State:
    if state.mode != "table":
        return replace(state, mode="table", scroll=0)
    return _clear(state) if state.filter else state


def _clear(state: State) -> State:
    return arranged(replace(state, filter="", patterns=()))


def _reset(state: State) -> State:
    if state.history is None:
        return state
    return arranged(replace(state, history=state.history.rebased(), message="new baseline"))


def _pause(state: State) -> State:
    playing = state.playing
    if state.paused and playing is not None and playing.number == playing.count - 1:
        return replace(state, paused=False, playing=replace(playing, number=0))
    return replace(state, paused=not state.paused)


def _threads(state: State) -> State:
    return replace(state, threads=not state.threads, first_thread=0, mode="table")


def _sideways(threads: int) -> Callable[[State], State]:
    def act(state: State) -> State:
        last = len(state.snapshot.threads) - 1 if state.snapshot else 0
        return replace(state, first_thread=max(0, min(state.first_thread + threads, last)))

    return act


def _export(state: State) -> State:
    if state.snapshot is None:
        return state
    return replace(state, prompt=Prompt("export", f"inspector-{state.snapshot.target.pid}.svg"))


BINDINGS: Final = (
    Binding(("q",), "q", "quit", lambda s: replace(s, leaving=True), footer="quit"),
    Binding(("h", "?"), "h ?", "this help", _mode("help"), footer="help"),
    Binding(
        ("/",),
        "/",
        "filter as you type: part of a name, or a pattern as app.*",
        lambda s: replace(s, mode="table", prompt=Prompt("filter", s.filter)),
        footer="filter",
    ),
    Binding(("s",), "s", "sort by the next column", _next_sort(1), footer="sort"),
    Binding(("S",), "S", "sort by the column before", _next_sort(-1)),
    Binding(
        ("i",),
        "i",
        "turn the order around",
        lambda s: arranged(replace(s, reverse=not s.reverse)),
    ),
    Binding(("T",), "T", "sort by total", _sort("total")),
    Binding(("R",), "R", "sort by rate: growth per second", _sort("rate")),
    Binding(("G",), "G", "sort by growth since the baseline", _sort("growth")),
    Binding(("L",), "L", "sort by local", _sort("local")),
    Binding(("A",), "A", "sort by shared", _sort("shared")),
    Binding(("C",), "C", "sort by the sum of contributions", _sort("contributions")),
    Binding(("D",), "D", "sort by deferred references, on stacks", _sort("deferred")),
    Binding(("H",), "H", "sort by heat", _sort("heat")),
    Binding(("N",), "N", "sort by name", _sort("name")),
    Binding(("c",), "c", "clear the filter", _clear),
    Binding(("t",), "t", "a column per thread", _threads, footer="threads"),
    Binding(("left",), "←", "threads to the left", _sideways(-1)),
    Binding(("right",), "→", "threads to the right", _sideways(1)),
    Binding(("enter",), "Enter", "the row in full", selected, footer="details"),
    Binding(("escape",), "Esc", "back", _back),
    Binding(("o",), "o", "what the program wrote", _mode("output"), "output", "output"),
    Binding((" ", "p"), "Space p", "pause, and go on", _pause, footer="pause"),
    Binding(("r",), "r", "reset the baseline to now", _reset, footer="reset"),
    Binding(("+", "="), "+", "read less often", _interval(1), "live", "every"),
    Binding(("-",), "-", "read more often", _interval(-1), "live"),
    Binding(("1",), "1", "types", _kind("type"), "live"),
    Binding(("2",), "2", "code objects", _kind("code"), "live"),
    Binding(("3",), "3", "dictionaries of modules", _kind("dict"), "live"),
    Binding(("4",), "4", "static types, which nobody counts", _kind("static"), "live"),
    Binding(("5",), "5", "types, code and dictionaries", _kind("all"), "live"),
    Binding(("]",), "]", "the next reading", _seek(1), "replay", "next"),
    Binding(("[",), "[", "the reading before", _seek(-1), "replay", "back"),
    Binding(("}",), "}", "ten readings on", _seek(10), "replay"),
    Binding(("{",), "{", "ten readings back", _seek(-10), "replay"),
    Binding((")",), ")", "the last reading", _seek(FAR), "replay"),
    Binding(("(",), "(", "the first reading", _seek(-FAR), "replay"),
    Binding((">", "+"), "> +", "faster", _speed(1), "replay", "faster"),
    Binding(("<", "-"), "< -", "slower", _speed(-1), "replay"),
    Binding(("e",), "e", "export to .svg, .html, .json, .csv or .md", _export, footer="export"),
    Binding(("down", "j"), "↓ j", "down", _move(1)),
    Binding(("up", "k"), "↑ k", "up", _move(-1)),
    Binding(("pagedown", "ctrl-f"), "PgDn", "a page down", _page(1)),
    Binding(("pageup", "ctrl-b"), "PgUp", "a page up", _page(-1)),
    Binding(("home", "g"), "Home g", "to the first row", _move(-FAR)),
    Binding(("end",), "End", "to the last row", _move(FAR)),
    Binding(("ctrl-l",), "Ctrl-L", "draw the screen anew", lambda s: replace(s, redraw=True)),
    Binding(("ctrl-z",), "Ctrl-Z", "suspend", lambda s: replace(s, suspending=True)),
    Binding(("ctrl-c",), "Ctrl-C", "quit", lambda s: replace(s, leaving=True)),
)
