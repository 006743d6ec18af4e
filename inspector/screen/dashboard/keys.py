"""Keys, and what each does to the state; pure.

One table is all there is: help and footer are made of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.screen.dashboard import actions
from inspector.screen.dashboard.state import Prompt, State, arrange_rows

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BINDINGS", "Binding", "press_key"]


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


def press_key(state: State, key: str) -> State:
    """Return the state after a key."""
    state = replace(state, message="")
    if state.prompt is not None:
        return _edit_prompt(state, state.prompt, key)
    for binding in BINDINGS:
        if key in binding.keys and is_applicable(binding, state):
            return binding.act(state)
    return state


def is_applicable(binding: Binding, state: State) -> bool:
    """Whether a binding is for what is watched."""
    if binding.where == "output":
        return state.output is not None
    if binding.where in {"inside", "outside"}:
        return (binding.where == "inside") == state.inside
    return not binding.where or (binding.where == "replay") == (state.playing is not None)


def _edit_prompt(state: State, prompt: Prompt, key: str) -> State:
    """Edit the line that is being typed; a filter works as it grows."""
    text = prompt.text
    if key == "escape":
        state = replace(state, prompt=None)
        return arrange_rows(replace(state, filter="")) if prompt.purpose == "filter" else state
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
        return press_key(replace(state, prompt=None), key)
    state = replace(state, prompt=replace(prompt, text=text))
    if prompt.purpose == "filter" and text != state.filter:
        state = arrange_rows(replace(state, filter=text, cursor=0, top=0))
    return state


BINDINGS: Final = (
    Binding(("q",), "q", "quit", lambda s: replace(s, leaving=True), footer="quit"),
    Binding(("h", "?"), "h ?", "this help", actions.toggle_mode("help"), footer="help"),
    Binding(
        ("F",),
        "F",
        "findings: what grows, what keeps threads apart",
        actions.toggle_mode("findings"),
        "live",
        "findings",
    ),
    Binding(
        ("/",),
        "/",
        "filter as you type: part of a name, or app.*",
        lambda s: replace(s, mode="table", prompt=Prompt("filter", s.filter)),
        footer="filter",
    ),
    Binding(("s",), "s", "sort by the next column", actions.sort_by_next(1), footer="sort"),
    Binding(("S",), "S", "sort by the column before", actions.sort_by_next(-1)),
    Binding(
        ("i",),
        "i",
        "turn the order around",
        lambda s: arrange_rows(replace(s, reverse=not s.reverse)),
    ),
    Binding(("T",), "T", "sort by total", actions.sort_by("total")),
    Binding(("R",), "R", "sort by rate: growth per second", actions.sort_by("rate")),
    Binding(("G",), "G", "sort by growth since the baseline", actions.sort_by("growth")),
    Binding(("L",), "L", "sort by local", actions.sort_by("local")),
    Binding(("A",), "A", "sort by shared", actions.sort_by("shared")),
    Binding(("C",), "C", "sort by the sum of contributions", actions.sort_by("contributions")),
    Binding(("D",), "D", "sort by deferred references, on stacks", actions.sort_by("deferred")),
    Binding(("H",), "H", "sort by updates of headers", actions.sort_by("updates")),
    Binding(("I",), "I", "sort by instances", actions.sort_by("instances")),
    Binding(("B",), "B", "sort by bytes of instances", actions.sort_by("bytes")),
    Binding(("N",), "N", "sort by name", actions.sort_by("name")),
    Binding(("c",), "c", "clear the filter", actions.clear_filter),
    Binding(("t",), "t", "a column per thread", actions.toggle_threads, footer="threads"),
    Binding(
        ("m",),
        "m",
        "the heap: instances and bytes of every type",
        actions.toggle_mode("heap"),
        footer="heap",
    ),
    Binding(("left",), "←", "threads to the left", actions.scroll_threads(-1)),
    Binding(("right",), "→", "threads to the right", actions.scroll_threads(1)),
    Binding(
        ("enter",),
        "Enter",
        "the row in full, or what a finding is about",
        actions.open_selected,
        footer="details",
    ),
    Binding(("escape",), "Esc", "back", actions.go_back),
    Binding(
        ("o",), "o", "what the program wrote", actions.toggle_mode("output"), "output", "output"
    ),
    Binding((" ", "p"), "Space p", "pause, and go on", actions.toggle_pause, footer="pause"),
    Binding(("r",), "r", "reset the baseline to now", actions.reset_baseline, footer="reset"),
    Binding(("+", "="), "+", "read less often", actions.change_interval(1), "live", "every"),
    Binding(("-",), "-", "read more often", actions.change_interval(-1), "live"),
    Binding(("1",), "1", "types", actions.show_kind("type"), "live"),
    Binding(("2",), "2", "code objects", actions.show_kind("code"), "live"),
    Binding(("3",), "3", "dictionaries of modules", actions.show_kind("dict"), "live"),
    Binding(("4",), "4", "static types, which nobody counts", actions.show_kind("static"), "live"),
    Binding(("5",), "5", "types, code and dictionaries", actions.show_kind("all"), "live"),
    Binding(("]",), "]", "the next reading", actions.seek_reading(1), "replay", "next"),
    Binding(("[",), "[", "the reading before", actions.seek_reading(-1), "replay", "back"),
    Binding(("}",), "}", "ten readings on", actions.seek_reading(10), "replay"),
    Binding(("{",), "{", "ten readings back", actions.seek_reading(-10), "replay"),
    Binding((")",), ")", "the last reading", actions.seek_reading(actions.FAR), "replay"),
    Binding(("(",), "(", "the first reading", actions.seek_reading(-actions.FAR), "replay"),
    Binding((">", "+"), "> +", "faster", actions.change_speed(1), "replay", "faster"),
    Binding(("<", "-"), "< -", "slower", actions.change_speed(-1), "replay"),
    Binding(
        ("e",),
        "e",
        "export to .svg, .html, .json, .csv or .md",
        actions.ask_export,
        footer="export",
    ),
    Binding(("down", "j"), "↓ j", "down", actions.move_down(1)),
    Binding(("up", "k"), "↑ k", "up", actions.move_down(-1)),
    Binding(("pagedown", "ctrl-f"), "PgDn", "a page down, as Ctrl-F", actions.page_down(1)),
    Binding(("pageup", "ctrl-b"), "PgUp", "a page up, as Ctrl-B", actions.page_down(-1)),
    Binding(("home", "g"), "Home g", "to the first row", actions.move_down(-actions.FAR)),
    Binding(("end",), "End", "to the last row", actions.move_down(actions.FAR)),
    Binding(("ctrl-l",), "Ctrl-L", "draw the screen anew", lambda s: replace(s, redraw=True)),
    Binding(("ctrl-z",), "Ctrl-Z", "suspend", lambda s: replace(s, suspending=True)),
    Binding(("ctrl-c",), "Ctrl-C", "quit", lambda s: replace(s, leaving=True), "outside"),
    # A signal of the terminal to the program: the key does not come here.
    Binding(("ctrl-c",), "Ctrl-C", "interrupt the program", lambda s: s, "inside"),
)
