"""The dashboard of a program that started it, in a process of its own on the same terminal.

:mod:`inspector.launch.live` starts it; the arguments are the options, the program's process id,
the descriptor from which its output is read, and the two of their channel.  A pane shows what
the program writes.  Ctrl-C interrupts the program, not the dashboard.  When the program ends
without notice the dashboard ends too.
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
from inspector.screen.dashboard.background_look import BackgroundLook
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
"""Prefixes of types that the dashboard hides: the program did not load them itself."""

LAST_LINES: Final = 200
"""Lines of output that are left on the terminal when the dashboard is closed."""


class Program:
    """The program that is shown, and what it has told the dashboard so far."""

    def __init__(self, pid: int, channel: Channel) -> None:
        self.pid = pid
        self.channel = channel
        self._process = os.pidfd_open(pid)
        self.ended = ""
        """Why there will be no more readings; empty while the program runs."""
        self.leaving = False
        """Whether the dashboard must end: the program asked for that, or is gone."""
        self.has_output = threading.Event()
        """Set once the program's output is restored, or the program is gone."""

    def listen(self) -> None:
        """Start a thread that reads what the program says."""
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
                break  # the pipe was closed: the process runs another program now (exec)
            self.leaving |= word == "leave"
            _wake_dashboard()
        self.leaving = True
        self.has_output.set()
        _wake_dashboard()


def _wake_dashboard() -> None:
    """Send SIGWINCH to this process: the dashboard redraws at once."""
    os.kill(os.getpid(), signal.SIGWINCH)


def main() -> None:
    """Show the program until the user leaves, then pass on what it still writes."""
    for interrupt in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(interrupt, signal.SIG_IGN)
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
        is_looking=True,
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
        closing(BackgroundLook(lambda: inspector.attach(target.pid))) as looks,
        Terminal(terminal, terminal, signals=True) as screen,
    ):
        return watch_source(
            state,
            Live(read, target.anatomy, background, looks),
            screen,
            clock=time.monotonic,
            output=None if pane.ended else pane,
            told=lambda: program.ended,
            leave=lambda: program.leaving,
        )
