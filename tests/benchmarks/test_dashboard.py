"""What a dashboard costs that reads counts four times a second, and the heap beside them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.pairs import Benchmark, Crowd, note
from tests.live.terminals import Terminal
from tests.support import interpreters, python_of

ROUNDS = 2

SECONDS = 20.0

WARM = 10.0
"""Seconds until everything that happens once is over, the first look for findings among it."""


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken (proc(5), utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(terminal: Terminal, seconds: float) -> None:
    """Take in what is drawn for some seconds: who writes to a full terminal waits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert terminal._read()


@pytest.mark.parametrize("version", interpreters(debug=False))
@pytest.mark.parametrize("page", ["table", "heap"])
def test_a_dashboard_four_times_a_second_with_200000_objects(
    benchmark: Benchmark, version: str, page: str
) -> None:
    """Processor time beside the time that passes: a share of one processor."""
    with Crowd(python_of(version), 100, 2, 200_000) as crowd:
        words = ("-m", "inspector", "attach", crowd.pid, "--interval", "0.25")
        with Terminal(sys.executable, *words) as terminal:
            terminal.until("looking|What grows")
            terminal.send("F")
            terminal.until("TOTAL")
            if page == "heap":
                terminal.send("m")
                terminal.until("heap read at")
            watch(terminal, WARM)

            def take() -> tuple[float, float]:
                before, begin = processor_seconds(terminal.pid), time.monotonic()
                watch(terminal, SECONDS)
                return processor_seconds(terminal.pid) - before, time.monotonic() - begin

            note(benchmark, take, "<= 0.25", ROUNDS)
