"""The dashboard inside a program: in a thread of its own, beside the program's.

The program has its main thread, its signals and its exit status to itself.  What it
writes goes to a pane, or to a file; the terminal is the dashboard's until somebody
presses q, and then the program's again.  Its standard input, where that is the terminal,
is empty meanwhile: ``input()`` raises EOFError.  Ctrl-C interrupts the program as ever.

Knows: the thread is none of :mod:`threading`'s, which programs count and join.
"""

from __future__ import annotations

import _thread
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Self

import inspector
from inspector.launch.guard import guard
from inspector.launch.pane import Pane
from inspector.screen.dashboard.loop import watch
from inspector.screen.dashboard.paint import has_unicode
from inspector.screen.dashboard.sources import Live
from inspector.screen.dashboard.state import State
from inspector.screen.dashboard.terminal import Terminal
from inspector.screen.export import export
from inspector.screen.selection import kinds_of
from inspector.screen.streams import has_terminal, print_error

if TYPE_CHECKING:
    from types import TracebackType

    from inspector.census.snapshot import Snapshot
    from inspector.census.target import Target
    from inspector.launch.wish import Wish

__all__ = ["Board"]

OURS: Final = ("inspector.", "rich.")
"""Modules whose types are in the census only because it is taken."""

LAST_LINES: Final = 200
"""Lines of output that are left on the terminal when the dashboard is closed."""


class Board:
    """A dashboard of this process, from :meth:`begin` to :meth:`end`; both may be called once."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._told = ""
        self._done = _thread.allocate_lock()
        self._leaving = False
        self._pane: Pane | None = None
        self._target: Target | None = None
        self._input = -1

    def begin(self) -> None:
        """Take terminal and output, and start; without a terminal do nothing."""
        if not has_terminal():
            return
        # Here, where the import system still is ours.
        self._target = inspector.attach()
        guard(os.getpid())
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        sys.stdout.flush()
        sys.stderr.flush()
        if os.isatty(0):
            self._input = os.dup(0)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
        self._pane = Pane()
        self._pane.take(self._wish.output)
        self._done.acquire()
        _thread.start_new_thread(self._run, (terminal,))

    def end(self, told: str, *, stay: bool = True) -> None:
        """Say that the program ended, and wait until the dashboard was left."""
        self._told = told
        self._leaving = self._leaving or not stay
        if self._pane is None:
            return
        try:
            self._done.acquire()
        except KeyboardInterrupt:
            self._leaving = True
            self._done.acquire()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end("the block ended" if kind is None else f"the block ended by {kind.__name__}")

    def _run(self, terminal: int) -> None:
        """Run the loop, in a thread of its own, and give everything back."""
        if sys.version_info >= (3, 14):
            _thread.set_name("inspector")
        pane = self._pane
        try:
            state = self._watched(terminal)
            if self._wish.export:
                export(state, self._wish.export)
        except inspector.InspectorError as error:
            print_error(error)
        finally:
            os.close(terminal)
            if self._input >= 0:
                os.dup2(self._input, 0)
                os.close(self._input)
            if pane is not None:
                pane.give(LAST_LINES)
            self._done.release()
        if pane is not None:
            pane.pump()

    def _watched(self, terminal: int) -> State:
        wish = self._wish
        target = self._target or inspector.attach()
        state = State(
            sort=wish.sort,
            patterns=wish.patterns,
            threads=wish.threads,
            interval=wish.interval,
            hidden=OURS,
            inside=True,
            unicode=has_unicode(),
        )
        with Terminal(terminal, terminal, signals=False) as screen:
            return watch(
                state,
                Live(partial(_read, target), target.anatomy),
                screen,
                clock=time.monotonic,
                output=None if wish.output else self._pane,
                told=lambda: self._told,
                leave=lambda: self._leaving,
            )


def _read(target: Target, kind: str) -> Snapshot:
    """Read this process."""
    return target.snapshot(kinds=kinds_of(kind))
