"""Threads that are kept apart in one way, or not at all: the first argument says how.

Prints a line of JSON once all threads are at it, and goes on until its input ends.
"""

from __future__ import annotations

import enum
import functools
import json
import os
import queue
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = threading.Lock()
SHARED: list[int] = []
QUEUE: queue.SimpleQueue[int] = queue.SimpleQueue()
OTHER_QUEUE: queue.Queue[int] = queue.Queue()
EVENT = threading.Event()
OTHER_LOCK = threading.Lock()
LOCAL = threading.local()
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


class Color(enum.Enum):
    """Have a member that all use."""

    RED = "red"


class Settings:
    """Have an attribute that all read."""

    def __init__(self) -> None:
        """Hold a value that only this instance refers to."""
        self.value = object()


SETTINGS = Settings()


@functools.lru_cache
def cached() -> object:
    """Return what is cached, without being run again."""
    return object()


def ask() -> None:
    """Call a method of a lock that nobody holds."""
    for _ in range(1000):
        OTHER_LOCK.locked() or OTHER_LOCK.locked() or OTHER_LOCK.locked()  # THE LINE


def name() -> None:
    """Use a member of an enumeration."""
    for _ in range(1000):
        Color.RED, Color.RED, Color.RED  # noqa: B018  # THE LINE


def attribute() -> None:
    """Use an attribute of an instance."""
    for _ in range(1000):
        SETTINGS.value, SETTINGS.value, SETTINGS.value  # noqa: B018  # THE LINE


def cache() -> None:
    """Call a function whose result is cached."""
    for _ in range(1000):
        cached()  # THE LINE


def five(guilty: Callable[[], None]) -> Callable[[], None]:
    """Return what does five things in turn, of which one contends."""

    def turn() -> None:
        for each in (compute, gather, guilty, spell, divide):
            each()

    return turn


def gather() -> None:
    """Make a list, and share nothing."""
    found = []
    for number in range(500):
        found.append(number * 1000)


def spell() -> None:
    """Make strings, and share nothing."""
    for number in range(300):
        str(number * 1000)


def divide() -> None:
    """Make floating point numbers, and share nothing."""
    result = 1e300
    for number in range(1, 500):
        result /= number


def make_types() -> None:
    """Make and free instances whose deallocator counts in the header."""
    for _ in range(1000):
        deque()  # THE LINE


def data() -> None:
    """Make instances of a class of Python code: they scale."""
    for _ in range(300):
        Settings()


def nested() -> None:
    """Make and call functions: they scale."""

    def inner() -> int:
        return 1

    for _ in range(300):
        inner()


def local() -> None:
    """Use a thread's own attributes: they scale."""
    for _ in range(300):
        LOCAL.value = 1


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


def main(how: str, count: int = COUNT) -> None:
    """Start the threads and wait for the end of the input."""
    guilty: Callable[[], None] = globals()[how.removeprefix("five:")]
    action = five(guilty) if how.startswith("five:") else guilty
    started = threading.Barrier(count + 1)

    def work() -> None:
        started.wait()
        while True:
            action()

    for number in range(count):
        threading.Thread(target=work, name=f"worker-{number}", daemon=True).start()
    started.wait()
    lines = [
        number
        for number, line in enumerate(open(__file__, encoding="utf-8"), 1)  # noqa: SIM115, PTH123
        if "# THE LINE" in line and "in line" not in line
    ]
    ours = [number for number in lines if number >= guilty.__code__.co_firstlineno]
    sys.stdout.write(json.dumps({"line": min(ours, default=None), "lock": id(LOCK)}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


main(sys.argv[1], *map(int, sys.argv[2:]))
