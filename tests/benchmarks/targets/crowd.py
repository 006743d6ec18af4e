"""Many classes, threads and objects; answers what is asked on standard input with JSON.

Arguments: how many classes, how many threads besides the main one, and how many more
objects.  Each thread has made an instance of every hundredth class.
"""

import gc
import json
import sys
import threading
import time
from collections import Counter
from itertools import count

CLASSES, THREADS, OBJECTS = map(int, sys.argv[1:])

classes = [type(f"Class{number}", (), {}) for number in range(CLASSES)]
kept: list[object] = [[] for _ in range(OBJECTS)]
made = threading.Barrier(THREADS + 1)
end = threading.Event()
beats = 0
stop = threading.Event()


def hold(first: int) -> None:
    mine = [each() for each in classes[first % 100 :: 100]]
    made.wait()
    end.wait()
    mine.clear()


def beat() -> None:
    """Work as fast as one thread can: instances, calls, a dictionary."""
    global beats
    some = classes[0]
    table: dict[int, object] = {}
    for beats in count():
        table[beats & 255] = some()
        if not beats & 1023 and stop.is_set():
            return


def collect() -> int:
    """Return the nanoseconds of one collection."""
    begin = time.perf_counter_ns()
    gc.collect()
    return time.perf_counter_ns() - begin


def tally() -> int:
    """Return the nanoseconds of counting live instances by type, as people do today."""
    begin = time.perf_counter_ns()
    Counter(map(type, gc.get_objects()))
    return time.perf_counter_ns() - begin


def work(seconds: float) -> float:
    """Return how many rounds per second a busy thread makes in so many seconds."""
    first, begin = beats, time.perf_counter()
    time.sleep(seconds)
    return (beats - first) / (time.perf_counter() - begin)


def begin() -> int:
    threading.Thread(target=beat, daemon=True).start()
    return 0


def main() -> None:
    crowd = [threading.Thread(target=hold, args=(number,)) for number in range(THREADS)]
    for each in crowd:
        each.start()
    made.wait()
    verbs = {"collect": collect, "tally": tally, "begin": begin}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        answer = work(float(words[0])) if verb == "work" else verbs[verb]()
        print(json.dumps(answer), flush=True)
    stop.set()
    end.set()


main()
