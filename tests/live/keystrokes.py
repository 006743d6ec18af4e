"""What is typed at the dashboard in a terminal, and what must then be on the screen.

One table per way to watch: of a process, of a recording, and from inside of a program.
:func:`pressed` tells which keys of which bindings that makes.
"""

from __future__ import annotations

import re
import string
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.screen.dashboard.key_codes import decode_keys
from inspector.screen.dashboard.keys import BINDINGS, is_applicable, press_key
from inspector.screen.dashboard.state import Playing
from tests.screen.boards import board

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.screen.dashboard.state import State
    from tests.live.terminals import Terminal

__all__ = [
    "ANEW",
    "INSIDE",
    "INTERRUPT",
    "QUIT",
    "REPLAYED",
    "SUSPEND",
    "WATCHED",
    "exporting",
    "play",
    "pressed",
]

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, PAGE_UP, PAGE_DOWN = "\x1b[H", "\x1b[F", "\x1b[5~", "\x1b[6~"
ENTER, ESCAPE, BACKSPACE = "\r", "\x1b", "\x7f"


class Stroke(NamedTuple):
    """Something that is typed, and its effect, which was not there before."""

    typed: str
    """One key; several where they are a text in a prompt."""
    seen: tuple[str, ...]
    """Regular expressions of what is on the screen then, with ``>`` before the cursor's row."""
    gone: str = ""
    """Another one, of what is not."""

    def holds(self, screen: str) -> bool:
        """Whether the effect is on a screen."""
        found = all(re.search(each, screen, re.MULTILINE) for each in self.seen)
        return found and not (self.gone and re.search(self.gone, screen, re.MULTILINE))


def _stroke(typed: str, *seen: str, gone: str = "") -> Stroke:
    return Stroke(typed, seen, gone)


def _row(number: int) -> str:
    """Return the expression of a screen whose cursor is on a row, from 1."""
    return rf"^TYPE .*\n(?:[^>\n].*\n){{{number - 1}}}>"


def play(terminal: Terminal, strokes: Iterable[Stroke]) -> None:
    """Type, one stroke after the other, and see the effect of each before the next."""
    for stroke in strokes:
        assert not stroke.holds(terminal.marked), f"{stroke} would show nothing"
        terminal.send(stroke.typed)
        terminal.until_true(lambda stroke=stroke: stroke.holds(terminal.marked), str(stroke))  # type: ignore[misc]


# Of tests/live/targets/puppet.py with 5,000 instances of Shared and two threads that hold some,
# in a terminal of 130 x 24, read ten times a second.
WATCHED: Final = (
    _stroke(" ", "^paused"),
    _stroke("p", "TYPE", gone="^paused"),
    # What rests can be told from what moves by itself.
    _stroke(" ", "^paused"),
    _stroke("N", "by name"),
    _stroke("i", "by name up"),
    _stroke("s", "by total "),
    _stroke("S", "by name "),
    _stroke("T", "by total "),
    _stroke("R", "by rate "),
    _stroke("G", "by growth "),
    _stroke("L", "by local "),
    _stroke("A", "by shared "),
    _stroke("C", "by contributions "),
    _stroke("D", "by deferred "),
    _stroke("H", "by updates "),
    _stroke("I", "by instances ", "^>__main__.Shared"),
    _stroke("B", "by bytes "),
    _stroke("m", "^heap read at ", r"^builtins\.dict "),
    _stroke("m", r"^TYPE +TOTAL", gone="^heap read at"),
    _stroke("F", "^F shows the types|^What grows: "),
    _stroke("F", r"^TYPE +TOTAL", gone="^F shows|^What grows: "),
    _stroke("N", "by name ", r"  1-19 of \d{3}$"),
    # The cursor goes over the rows, and these under it.
    _stroke("j", _row(2)),
    _stroke("k", _row(1)),
    _stroke(DOWN, _row(2)),
    _stroke(UP, _row(1)),
    _stroke("\x06", _row(19), "  1-19 of"),
    _stroke(PAGE_DOWN, _row(19), "  19-37 of"),
    _stroke(PAGE_UP, _row(1), "  19-37 of"),
    _stroke("\x02", _row(1), "  1-19 of"),
    _stroke(END, _row(19), r"(\d+) of \1$"),
    _stroke("g", _row(1), "  1-19 of"),
    _stroke(END, _row(19), r"(\d+) of \1$"),
    _stroke(HOME, _row(1), "  1-19 of"),
    # A filter: letters are letters, and some keys are still keys.
    _stroke("/", "^filter: ▏"),
    _stroke("main__.shq", "^filter: main__.shq▏", gone=r"_abc\."),
    _stroke(BACKSPACE, "^filter: main__.sh▏", "^>__main__.Shared"),
    _stroke("\x15", "^filter: ▏", r"_abc\."),
    _stroke("collections.", "^filter: collections.▏", "^>collections", gone=r"_abc\."),
    _stroke(DOWN, r"\d of \d+ \(\d+ hidden\)$", _row(2)),
    _stroke(ESCAPE, r"_abc\.", r" of \d{3}$", gone="hidden"),
    _stroke("/", "^filter: ▏"),
    _stroke("_io.", "^filter: _io.▏", gone=r"_abc\."),
    _stroke(ESCAPE, r"_abc\.", " 1-19 of", gone="^filter"),
    _stroke("/", "^filter: ▏"),
    _stroke("main__.sh", "^filter: main__.sh▏"),
    _stroke(ENTER, r"  1-1 of 1 \(", "^>__main__.Shared"),
    _stroke("c", "  1-19 of", r"_abc\.", gone="hidden"),
    # A column per thread, from which those that contribute most are gone first.
    _stroke("T", "by total ", "^>__main__.Shared"),
    _stroke("t", " holder-1 +holder-0 ", r"^>__main__.Shared .* \+300 +\+300 +\+5,000$"),
    _stroke(RIGHT, r"^>__main__.Shared .* \+300 +\+300$"),
    _stroke(LEFT, r"^>__main__.Shared .* \+300 +\+300 +\+5,000$"),
    _stroke("t", "^TYPE +TOTAL", gone="holder"),
    # One of them in full.
    _stroke(ENTER, "__main__.Shared, builtins.object", r"ob_ref_shared +0x", "HEAPTYPE"),
    _stroke(END, "over time", "CONTRIBUTION", "holder-0"),
    _stroke(ESCAPE, r"^TYPE +TOTAL"),
    _stroke("h", "^ +q  quit", "sort by the next column"),
    _stroke(PAGE_DOWN, "^MOVED IN  share of samples", gone="^ +q  quit"),
    _stroke("?", "^TYPE +TOTAL"),
    _stroke("?", "^ +h .*  this help"),
    _stroke("h", "^TYPE +TOTAL"),
    _stroke("r", "^new baseline"),
    _stroke("2", r"^CODE +TOTAL", "code objects"),
    _stroke("3", r"^DICT +TOTAL"),
    _stroke("4", r"^STATIC +TOTAL"),
    _stroke("5", r"^ALL +TOTAL"),
    _stroke("1", r"^TYPE +TOTAL"),
    _stroke("+", r"every 0\.2 s"),
    _stroke("=", r"every 0\.25 s"),
    _stroke("-", r"every 0\.2 s"),
    # A file that is asked for, and not.
    _stroke("e", r"^export to: inspector-\d+\.svg▏"),
    _stroke(ESCAPE, "by total", gone="^export"),
)
ANEW: Final = _stroke("\x0c", r"^TYPE +TOTAL", gone="scribbled")


def exporting(path: object) -> tuple[Stroke, ...]:
    """Return what writes the view to a file."""
    return (
        _stroke("e", r"^export to: inspector-\d+\.svg▏"),
        _stroke("\x15", "^export to: ▏"),
        _stroke(str(path), re.escape(str(path))),
        _stroke(ENTER, "^written to"),
    )


# Of 200 readings, a second apart; which one is shown while it plays is nobody's to say.
REPLAYED: Final = (
    _stroke(">", "2 times as fast"),
    _stroke("+", "4 times as fast"),
    _stroke("<", "2 times as fast"),
    _stroke("-", "replay", gone="times as fast"),
    _stroke(")", "replay 200/200 .* paused"),
    _stroke("[", "replay 199/200 .* paused"),
    _stroke("{", "replay 189/200 .* paused"),
    _stroke("(", "replay 1/200 .* paused"),
    _stroke("]", "replay 2/200 .* paused"),
    _stroke("}", "replay 12/200 .* paused"),
    _stroke("p", r"replay \d+/200", gone="paused"),
)

# Of a program that writes "out", from inside of it.
INSIDE: Final = (
    _stroke("o", "^out False 1", "^err", "^no input"),
    _stroke("o", "^TYPE +TOTAL", gone="^no input"),
    _stroke("h", "this help"),
    _stroke(END, "Ctrl-C  interrupt the program", gone="Ctrl-C  quit"),
    _stroke(ESCAPE, "^TYPE +TOTAL"),
)

# What leaves the dashboard for good or for a while: tests of their own look at the terminal then.
QUIT, INTERRUPT, SUSPEND = "q", "\x03", "\x1a"

SCENES: Final = (
    (board(), (*WATCHED, ANEW, *exporting("x.svg")), (QUIT, INTERRUPT, SUSPEND)),
    (board(playing=Playing(0, 9)), REPLAYED, ()),
    (board(inside=True, output=()), INSIDE, (INTERRUPT,)),
)


class Pressed(NamedTuple):
    """The keys that tests press in terminals."""

    bindings: frozenset[tuple[str, str]]
    """What a binding does, and one of its keys."""
    prompts: frozenset[str]
    """Keys other than letters, while something is typed."""


def pressed() -> Pressed:
    """Return the keys of all scenes, as the dashboard takes them."""
    scenes = [_pressed(*scene) for scene in SCENES]
    return Pressed(*(frozenset[Any]().union(*parts) for parts in zip(*scenes, strict=True)))


def _pressed(state: State, strokes: Iterable[Stroke], ways_out: Iterable[str]) -> Pressed:
    bindings, prompts = set(), set()
    for typed in (*(stroke.typed for stroke in strokes), *ways_out):
        keys, _ = decode_keys(typed.encode())
        assert state.prompt is not None or len(keys) == 1, f"{typed!r} is several keys"
        for key in keys:
            if state.prompt is not None:
                prompts |= {key} - {*string.printable}
            else:
                found = (
                    each for each in BINDINGS if key in each.keys and is_applicable(each, state)
                )
                bindings |= {(each.text, key) for each in found}
            # Nothing is read or written here, nor is there anything to leave.
            after = press_key(state, key)
            state = replace(after, history=state.history, export="", leaving=False)
    return Pressed(frozenset(bindings), frozenset(prompts))
