"""What the targets of benchmarks have in common: threads that hold, and one that works."""

import threading
import time
from itertools import count

__all__ = ["Busy"]


class Busy:
    """Classes, and threads each of which has made an instance of every hundredth of them."""

    def __init__(self, classes: int, threads: int) -> None:
        self._classes = [type(f"Class{number}", (), {}) for number in range(classes)]
        self._made = threading.Barrier(threads + 1)
        self._end = threading.Event()
        self._beats = 0
        for number in range(threads):
            threading.Thread(target=self._hold, args=(number,)).start()
        self._made.wait()

    def _hold(self, first: int) -> None:
        mine = [each() for each in self._classes[first % 100 :: 100]]
        self._made.wait()
        self._end.wait()
        mine.clear()

    def begin(self) -> None:
        """Let one more thread work as fast as it can: instances, calls, a dictionary."""
        threading.Thread(target=self._beat).start()

    def _beat(self) -> None:
        some = self._classes[0]
        table: dict[int, object] = {}
        for beats in count():
            table[beats & 255] = some()
            if not beats & 1023:
                self._beats = beats
                if self._end.is_set():
                    return

    def speed(self, seconds: float) -> float:
        """Return how many rounds per second it makes, in so many seconds."""
        first, begin = self._beats, time.perf_counter()
        time.sleep(seconds)
        return (self._beats - first) / (time.perf_counter() - begin)

    def end(self) -> None:
        """Let all threads end."""
        self._end.set()
