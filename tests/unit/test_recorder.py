"""The loop of a recorder: when it reads, and that Ctrl-C leaves a line whole, and counted."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from inspector.launch import recorder
from inspector.launch.recorder import Schedule, hold_interrupts, record_readings
from tests.screen.builder import large, snapshot
from tests.support import received

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.snapshots.snapshot import Snapshot

TARGET: Any = SimpleNamespace(layout=SimpleNamespace(offsets=()))


class Clock:
    """A clock on which only sleep and readings take time."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("duration", "takes", "at"),
    [
        (0, 0, [100]),
        (1.9, 0, [100, 101]),
        (3, 0.25, [100.25, 101.5, 102.5, 103.5]),
        (5, 1.75, [101.75, 104.5, 106.25, 108]),  # what is late comes at once
    ],
)
def test_readings_are_an_interval_apart_until_the_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duration: float, takes: float, at: list[float]
) -> None:
    clock, taken = Clock(), []
    monkeypatch.setattr(recorder, "time", clock)

    def read() -> Snapshot:
        clock.sleep(takes)
        taken.append(clock.now)
        return snapshot()

    schedule = Schedule(1, duration, force=False)
    tally = record_readings(TARGET, read, str(tmp_path / "r.jsonl"), schedule, lambda _: None)
    assert taken == at
    assert tally.readings == len(at)


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_ctrl_c_in_the_middle_of_a_line_ends_a_recording_after_it(
    tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    moving = map(large, range(1, 100))
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(received, path, lines, signal.SIGINT)
        schedule = Schedule(0, None, force=True)
        tally = record_readings(TARGET, lambda: next(moving), str(path), schedule, lambda _: None)
        data = result.result()
    assert data.count(b"\n") == lines + 1
    assert (tally.readings, tally.size) == (lines, len(data))


def test_a_first_ctrl_c_waits() -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done, 1)
    assert done == [1]


def test_a_second_ctrl_c_comes_at_once() -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done, 2)
    assert done == []


def interrupted(done: list[int], times: int) -> None:
    """Be interrupted where that is held back."""
    with hold_interrupts():
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append(times)


def test_who_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with hold_interrupts():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
