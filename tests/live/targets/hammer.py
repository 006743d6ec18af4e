"""Types in use by two threads until the end of the input; counts what they did in a file.

The first argument is the file: a 64-bit number per thread, of rounds so far.
"""

from __future__ import annotations

import collections
import gc
import json
import mmap
import os
import sys
import threading
from pathlib import Path


class Hammered(collections.deque):  # type: ignore[type-arg]
    """Made and freed by both threads; freed in the header."""


class Balanced:
    """Made and freed by both threads, per thread."""


class Idle:
    """Never used."""


stop = threading.Event()


def work(number: int, rounds: memoryview[int]) -> None:
    while not stop.is_set():
        for _ in range(20):
            Hammered()
            Balanced()
        rounds[number] += 1


# A collection would move what the threads have counted.
gc.disable()
with Path(sys.argv[1]).open("r+b") as file:
    counters = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")
threads = [threading.Thread(target=work, args=(number, counters)) for number in range(2)]
for thread in threads:
    thread.start()
print(json.dumps(os.getpid()), flush=True)
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
