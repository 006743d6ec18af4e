"""The dashboard of a program that has started it: a process on the same terminal.

Run by :mod:`inspector.launch.live`, which says in the arguments how the dashboard begins,
which process is shown, and through which descriptors the two talk.  What the program writes
comes through one of them and is shown in a pane.  Signals of the terminal are the program's:
Ctrl-C interrupts it.  When it is gone the terminal is given back at once.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import inspector
from inspector.launch.board_options import BoardOptions
from inspector.launch.live import Channel
from inspector.launch.pane import Pane
from inspector.launch.terminal_guard import start_guard
from inspector.reader.background_sampler import Background
from inspector.reader.heap_pace import LEAST_SECONDS, SMALL_SHARE, HeapPace
from inspector.reader.heap_target import PAUSE_LIMIT
from inspector.screen.dashboard.loop import watch_source
from inspector.screen.dashboard.paint import has_unicode
from inspector.screen.dashboard.sources import Live
from inspector.screen.dashboard.state import State
from inspector.screen.dashboard.terminal import Terminal
from inspector.screen.export import write_export
from inspector.screen.selection import kinds_of
from inspector.screen.streams import print_error

if TYPE_CHECKING:
    from inspector.reader.target import Target
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["main"]

OURS: Final = ("inspector.",)
"""Modules that the program did not load by itself."""

LAST_LINES: Final = 200
"""Lines of output that are left on the terminal when the dashboard is closed."""


class Program:
    """The program that is shown, and what it says."""

    def __init__(self, pid: int, channel: Channel) -> None:
        self.pid = pid
        self.channel = channel
        self._process = os.pidfd_open(pid)
        self.ended = ""
        """Why there will be no more readings."""
        self.leaving = False
        self.has_output = threading.Event()
        """It has its own output again, or is gone."""

    def listen(self) -> None:
        """Hear what it says from now on, in a thread."""
        threading.Thread(target=self._listen, daemon=True).start()

    def _ready(self) -> list[int]:
        return select.select([self.channel.heard, self._process], [], [])[0]

    def _listen(self) -> None:
        while self._process not in self._ready():
            word, _, rest = self.channel.hear().partition(" ")
            if word == "told":
                self.ended = rest
            elif word == "given":
                self.has_output.set()
            elif word != "leave":
                break  # another program has taken its place in the process
            self.leaving |= word == "leave"
            _wake_dashboard()
        self.leaving = True
        self.has_output.set()
        _wake_dashboard()


def _wake_dashboard() -> None:
    """Let the dashboard look at once at what has changed."""
    os.kill(os.getpid(), signal.SIGWINCH)


def main() -> None:
    """Show the program until somebody leaves, then hand on what still is written."""
    for each in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(each, signal.SIG_IGN)
    options = BoardOptions.loads(sys.argv[1])
    pid, read, heard, said = map(int, sys.argv[2:6])
    program = Program(pid, Channel(heard, said))
    program.channel.say(f"pid {os.getpid()}")
    if program.channel.hear() != "go":
        return
    try:
        target = inspector.attach(pid)
    except inspector.InspectorError as error:
        program.channel.say(f"error {json.dumps([type(error).__name__, vars(error)], default=str)}")
        return
    program.channel.say("ready")
    if program.channel.hear() != "begin":
        return
    pane = Pane(read)
    start_guard(os.getpid())
    program.listen()
    try:
        state = _show_program(program, target, options, pane)
        if options.export:
            write_export(state, options.export)
    except inspector.InspectorError as error:
        print_error(error)
    program.channel.say("left")
    program.has_output.wait()
    pane.give(LAST_LINES)
    program.channel.say("done")
    pane.pump()


def _show_program(program: Program, target: Target, options: BoardOptions, pane: Pane) -> State:
    state = State(
        sort=options.sort,
        patterns=options.patterns,
        limit=options.limit,
        threads=options.threads,
        interval=options.interval,
        hidden=OURS,
        inside=True,
        unicode=has_unicode(),
    )

    pace = HeapPace(
        target,
        blocking=False,
        pause_limit=PAUSE_LIMIT,
        least=LEAST_SECONDS,
        share=SMALL_SHARE,
    )

    def read(kind: str) -> Snapshot:
        return pace.add_heap(target.snapshot(kinds=kinds_of(kind)))

    terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    with (
        closing(Background(target.sampler)) as background,
        Terminal(terminal, terminal, signals=True) as screen,
    ):
        return watch_source(
            state,
            Live(read, target.anatomy, background),
            screen,
            clock=time.monotonic,
            output=None if pane.ended else pane,
            told=lambda: program.ended,
            leave=lambda: program.leaving,
        )
