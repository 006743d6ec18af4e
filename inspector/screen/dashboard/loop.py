"""The loop: observe, draw, wait for keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from inspector.errors import InspectorError
from inspector.screen.dashboard.keys import press_key
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from inspector.screen.export import write_export

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.text import Text

    from inspector.screen.dashboard.sources import Source
    from inspector.screen.dashboard.state import Size, State

__all__ = ["Output", "Screen", "watch_source"]

LEAST_REST: Final = 0.02
"""Seconds between readings that are slower than their interval."""

LONGEST_WAIT: Final = 0.5
"""Seconds after which the terminal's size is looked at, where no signal tells."""


class Screen(Protocol):
    """What the loop needs of a terminal."""

    def size(self) -> Size:
        """Return cells and lines as they are now."""

    def draw(self, lines: Sequence[Text], *, anew: bool = False) -> None:
        """Show some lines."""

    def wait(self, timeout: float, also: Sequence[int] = ()) -> list[str]:
        """Wait for keys or one of the files, and return the keys."""

    def suspend(self) -> None:
        """Stop until told to go on."""

    def resume(self) -> None:
        """Take the terminal again."""


class Output(Protocol):
    """What a program writes while it is watched."""

    def fileno(self) -> int:
        """Return the file to wait for; -1 when there will be no more."""

    def lines(self) -> tuple[str, ...]:
        """Take in what is there to be read, and return the last lines."""


def watch_source(  # noqa: PLR0913 - what a test replaces, each
    state: State,
    source: Source,
    screen: Screen,
    *,
    clock: Callable[[], float],
    duration: float | None = None,
    output: Output | None = None,
    told: Callable[[], str] = str,
    leave: Callable[[], bool] = bool,
) -> State:
    """Show what a source tells until somebody leaves; return the last state.

    ``told`` says why there will be no more readings, once that is so.  ``duration`` is
    in seconds.  ``leave`` says that it is time to.
    """
    due = clock()
    end = None if duration is None else due + duration
    while not state.leaving:
        if leave():
            return replace(state, leaving=True)
        state = replace(state, size=screen.size())
        now = clock()
        ended = told()
        if ended and not state.ended:
            # What there is at the end is what stays.
            state = source.advance(replace(state, paused=False), due=True)
            state = replace(state, ended=ended)
        if output is not None:
            state = replace(state, output=output.lines())
        state = source.advance(state, due=now >= due)
        if now >= due:
            due = max(due + source.delay(state), clock() + LEAST_REST)
        state = clamp_scroll(_export_if_asked(state))
        screen.draw(screen_lines(state), anew=state.redraw)
        state = replace(state, redraw=False)
        if end is not None and now >= end:
            return replace(state, leaving=True)
        rest = min(due - clock(), LONGEST_WAIT, *([] if end is None else [end - clock()]))
        files = [] if output is None or output.fileno() < 0 else [output.fileno()]
        before = state
        for key in screen.wait(max(0.0, rest), files):
            state = _handle_key(state, key, screen)
        if state.interval != before.interval or state.playing != before.playing:
            due = clock() + source.delay(state)
    return state


def _handle_key(state: State, key: str, screen: Screen) -> State:
    """Return the state after a key, or after what was no key but happened."""
    if key == "quit":
        return replace(state, leaving=True)
    if key == "resumed":
        screen.resume()
        return replace(state, redraw=True)
    state = clamp_scroll(press_key(state, key))
    if state.suspending:
        screen.suspend()
        state = replace(state, suspending=False, redraw=True)
    return state


def _export_if_asked(state: State) -> State:
    """Write the file that was asked for, and say so."""
    if not state.export:
        return state
    try:
        write_export(state, state.export)
    except InspectorError as error:
        message = f"{error}; {error.hint}" if error.hint else str(error)
    else:
        message = f"written to {state.export}"
    return replace(state, export="", message=message)
