"""Threads that are kept apart in one way, or not at all: the first argument says how.

Prints a line of JSON once all threads are at it, and goes on until its input ends.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = threading.Lock()
SHARED: list[int] = []
QUEUE: queue.SimpleQueue[int] = queue.SimpleQueue()
OTHER_QUEUE: queue.Queue[int] = queue.Queue()
EVENT = threading.Event()
COUNT = 4


def stop() -> None:
    """Ask for a stop of the world each time."""

    def inner() -> None:
        """Have a documentation that is assigned."""

    inner.__doc__ = "other"  # THE LINE


def hold() -> None:
    """Hold a lock nearly always."""
    with LOCK:  # THE LINE
        time.sleep(0.001)


def append() -> None:
    """Change one list, whose own lock all take."""
    SHARED.append(1)  # THE LINE
    if len(SHARED) > 100_000:
        SHARED.clear()


def compute() -> None:
    """Compute, and share nothing."""
    total = 0
    for number in range(1000):
        total += number


def sleep() -> None:
    """Sleep, and want nothing."""
    time.sleep(60)


def wait() -> None:
    """Wait for work that never comes."""
    number = int(threading.current_thread().name.rpartition("-")[2])
    waits: list[Callable[[], object]] = [QUEUE.get, OTHER_QUEUE.get, EVENT.wait]
    waits[number % len(waits)]()


def read() -> None:
    """Wait for input that never comes."""
    ours, _ = os.pipe()
    os.read(ours, 1)


def main(how: str) -> None:
    """Start the threads and wait for the end of the input."""
    action: Callable[[], None] = globals()[how]
    started = threading.Barrier(COUNT + 1)

    def work() -> None:
        started.wait()
        while True:
            action()

    for number in range(COUNT):
        threading.Thread(target=work, name=f"worker-{number}", daemon=True).start()
    started.wait()
    lines = [
        number
        for number, line in enumerate(open(__file__, encoding="utf-8"), 1)  # noqa: SIM115, PTH123
        if "# THE LINE" in line and "in line" not in line
    ]
    ours = [number for number in lines if number >= action.__code__.co_firstlineno]
    sys.stdout.write(json.dumps({"line": min(ours, default=None), "lock": id(LOCK)}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


main(sys.argv[1])
