"""A heap of many objects; answers what is asked on standard input with a number.

Arguments: how many objects, and how many threads that work all of the time.
"""

import gc
import json
import sys
import threading
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OBJECTS, THREADS = map(int, sys.argv[1:])


class Order:
    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = [number]


class Work:
    """Threads that make and free objects as fast as they can."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.beats = [0] * THREADS
        for number in range(THREADS):
            threading.Thread(target=self._beat, args=(number,)).start()

    def _beat(self, number: int) -> None:
        table: dict[int, object] = {}
        for beats in count():
            table[beats & 255] = (beats, [beats])
            if not beats & 1023:
                self.beats[number] = beats
                if self.end.is_set():
                    return

    def speed(self, seconds: str) -> float:
        """Return their rounds for each second of processor time, in so many seconds."""
        first, begin = sum(self.beats), time.process_time()
        time.sleep(float(seconds))
        return (sum(self.beats) - first) / (time.process_time() - begin)


def make(number: int) -> list[object]:
    """Return so many objects that the collector knows, as data of a program is."""
    kept: list[object] = []
    for each in range(number // 5):
        kept += (Order(each), {"number": each}, (each, kept), [])
    return kept


def tally() -> float:
    """Return the processor seconds of counting instances by type, as people do today."""
    begin = time.process_time()
    Counter(map(type, gc.get_objects()))
    return time.process_time() - begin


def collect() -> float:
    """Return the seconds of one collection."""
    begin = time.perf_counter()
    gc.collect()
    return time.perf_counter() - begin


def main() -> None:
    kept = make(OBJECTS)
    work = Work()
    verbs: dict[str, Callable[..., float]] = {
        "tally": tally,
        "collect": collect,
        "work": work.speed,
    }
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        print(json.dumps(verbs[verb](*words)), flush=True)
    work.end.set()
    kept.clear()


main()
