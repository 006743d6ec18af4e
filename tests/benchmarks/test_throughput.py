"""How fast a busy program goes on while it is observed, beside itself unobserved."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.benchmarks.pairs import PROGRAMS, Crowd, note
from tests.live.terminals import Terminal
from tests.support import ROOT, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.pairs import Benchmark

every_version = pytest.mark.parametrize("version", interpreters(debug=False))

WINDOW = 0.5
"""Seconds of each half of a pair."""

ROUNDS = 40

BOARD = PROGRAMS / "board.py"


def watched(crowd: Crowd, look: Callable[[threading.Event], None]) -> float:
    """Return how fast the target works while another thread looks at it."""
    end = threading.Event()
    thread = threading.Thread(target=look, args=(end,))
    thread.start()
    speed = crowd.ask("work", WINDOW)
    end.set()
    thread.join()
    return speed


@every_version
def test_read_from_outside_ten_times_a_second(benchmark: Benchmark, version: str) -> None:
    with Crowd(python_of(version), 1000, 8) as crowd:
        crowd.ask("begin")
        target = inspector.attach(crowd.pid)

        def look(end: threading.Event) -> None:
            while True:
                target.snapshot()
                if end.wait(0.1):
                    return

        note(
            benchmark,
            lambda: (watched(crowd, look), crowd.ask("work", WINDOW)),
            ">= 0.99",
            ROUNDS,
        )


class Board:
    """A busy program in a terminal, which has a dashboard of its own when that is asked for."""

    def __init__(self, python: str) -> None:
        theirs_in, self._questions = os.pipe()
        self._answers, theirs_out = os.pipe()
        for each in (theirs_in, theirs_out):
            os.set_inheritable(each, True)  # noqa: FBT003 - os takes it so
        words = (python, BOARD, 1000, 8, WINDOW, theirs_in, theirs_out)
        self.terminal = Terminal(*words)
        os.close(theirs_in)
        os.close(theirs_out)
        # What it draws has to be read, or it waits for that.
        self._reader = threading.Thread(target=self.terminal.end)
        self._reader.start()

    def speed(self, question: str) -> float:
        """Return its rounds per second, ``with`` a dashboard or ``without`` one."""
        os.write(self._questions, f"{question}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            piece = os.read(self._answers, 100)
            assert piece, self.terminal.text
            answer += piece
        if question == "with":
            self.terminal.send("q")
        return float(answer)

    def end(self) -> None:
        """Let it end."""
        os.close(self._questions)
        self._reader.join()
        os.close(self._answers)


@every_version
def test_a_dashboard_in_the_own_process_four_times_a_second(
    benchmark: Benchmark, version: str
) -> None:
    # A dashboard needs Rich, which only environments have.
    here = "{}.{}t".format(*sys.version_info)
    board = Board(sys.executable if version == here else f"{ROOT}/.venv-{version}/bin/python")
    with board.terminal:
        note(benchmark, lambda: (board.speed("with"), board.speed("without")), ">= 0.97", ROUNDS)
        board.end()


@every_version
def test_headers_sampled_a_thousand_times_a_second(benchmark: Benchmark, version: str) -> None:
    with Crowd(python_of(version), 1000, 8) as crowd:
        crowd.ask("begin")
        target = inspector.attach(crowd.pid)
        sampler = target.sampler(target.snapshot())

        def look(end: threading.Event) -> None:
            while not end.is_set():
                sampler.run(WINDOW / 10, 1000.0)

        note(
            benchmark,
            lambda: (watched(crowd, look), crowd.ask("work", WINDOW)),
            ">= 0.98",
            ROUNDS,
        )
