"""Keys, and what each does to the state; pure.

One table is all there is: help and footer are made of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.screen.dashboard import acts
from inspector.screen.dashboard.state import Prompt, State, arranged, selected

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BINDINGS", "Binding", "press"]


class Binding(NamedTuple):
    """Some keys, what they do, and where."""

    keys: tuple[str, ...]
    shown: str
    """As help spells them."""
    text: str
    act: Callable[[State], State]
    where: str = ""
    """``live``, ``replay``, ``output``, ``inside`` or ``outside``: only there; else everywhere."""
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
    if binding.where in {"inside", "outside"}:
        return (binding.where == "inside") == state.inside
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


BINDINGS: Final = (
    Binding(("q",), "q", "quit", lambda s: replace(s, leaving=True), footer="quit"),
    Binding(("h", "?"), "h ?", "this help", acts.mode("help"), footer="help"),
    Binding(
        ("/",),
        "/",
        "filter as you type: part of a name, or app.*",
        lambda s: replace(s, mode="table", prompt=Prompt("filter", s.filter)),
        footer="filter",
    ),
    Binding(("s",), "s", "sort by the next column", acts.next_sort(1), footer="sort"),
    Binding(("S",), "S", "sort by the column before", acts.next_sort(-1)),
    Binding(
        ("i",),
        "i",
        "turn the order around",
        lambda s: arranged(replace(s, reverse=not s.reverse)),
    ),
    Binding(("T",), "T", "sort by total", acts.sort("total")),
    Binding(("R",), "R", "sort by rate: growth per second", acts.sort("rate")),
    Binding(("G",), "G", "sort by growth since the baseline", acts.sort("growth")),
    Binding(("L",), "L", "sort by local", acts.sort("local")),
    Binding(("A",), "A", "sort by shared", acts.sort("shared")),
    Binding(("C",), "C", "sort by the sum of contributions", acts.sort("contributions")),
    Binding(("D",), "D", "sort by deferred references, on stacks", acts.sort("deferred")),
    Binding(("H",), "H", "sort by updates of headers", acts.sort("updates")),
    Binding(("N",), "N", "sort by name", acts.sort("name")),
    Binding(("c",), "c", "clear the filter", acts.clear),
    Binding(("t",), "t", "a column per thread", acts.all_threads, footer="threads"),
    Binding(("left",), "←", "threads to the left", acts.sideways(-1)),
    Binding(("right",), "→", "threads to the right", acts.sideways(1)),
    Binding(("enter",), "Enter", "the row in full", selected, footer="details"),
    Binding(("escape",), "Esc", "back", acts.back),
    Binding(("o",), "o", "what the program wrote", acts.mode("output"), "output", "output"),
    Binding((" ", "p"), "Space p", "pause, and go on", acts.pause, footer="pause"),
    Binding(("r",), "r", "reset the baseline to now", acts.reset, footer="reset"),
    Binding(("+", "="), "+", "read less often", acts.interval(1), "live", "every"),
    Binding(("-",), "-", "read more often", acts.interval(-1), "live"),
    Binding(("1",), "1", "types", acts.kind("type"), "live"),
    Binding(("2",), "2", "code objects", acts.kind("code"), "live"),
    Binding(("3",), "3", "dictionaries of modules", acts.kind("dict"), "live"),
    Binding(("4",), "4", "static types, which nobody counts", acts.kind("static"), "live"),
    Binding(("5",), "5", "types, code and dictionaries", acts.kind("all"), "live"),
    Binding(("]",), "]", "the next reading", acts.seek(1), "replay", "next"),
    Binding(("[",), "[", "the reading before", acts.seek(-1), "replay", "back"),
    Binding(("}",), "}", "ten readings on", acts.seek(10), "replay"),
    Binding(("{",), "{", "ten readings back", acts.seek(-10), "replay"),
    Binding((")",), ")", "the last reading", acts.seek(acts.FAR), "replay"),
    Binding(("(",), "(", "the first reading", acts.seek(-acts.FAR), "replay"),
    Binding((">", "+"), "> +", "faster", acts.speed(1), "replay", "faster"),
    Binding(("<", "-"), "< -", "slower", acts.speed(-1), "replay"),
    Binding(
        ("e",), "e", "export to .svg, .html, .json, .csv or .md", acts.ask_export, footer="export"
    ),
    Binding(("down", "j"), "↓ j", "down", acts.move(1)),
    Binding(("up", "k"), "↑ k", "up", acts.move(-1)),
    Binding(("pagedown", "ctrl-f"), "PgDn", "a page down, as Ctrl-F", acts.page(1)),
    Binding(("pageup", "ctrl-b"), "PgUp", "a page up, as Ctrl-B", acts.page(-1)),
    Binding(("home", "g"), "Home g", "to the first row", acts.move(-acts.FAR)),
    Binding(("end",), "End", "to the last row", acts.move(acts.FAR)),
    Binding(("ctrl-l",), "Ctrl-L", "draw the screen anew", lambda s: replace(s, redraw=True)),
    Binding(("ctrl-z",), "Ctrl-Z", "suspend", lambda s: replace(s, suspending=True)),
    Binding(("ctrl-c",), "Ctrl-C", "quit", lambda s: replace(s, leaving=True), "outside"),
    # A signal of the terminal to the program: the key does not come here.
    Binding(("ctrl-c",), "Ctrl-C", "interrupt the program", lambda s: s, "inside"),
)
