"""Many classes, threads and objects; answers what is asked on standard input with JSON.

Arguments: how many classes, how many threads besides the main one, and how many more
objects.
"""

import gc
import json
import sys
import time
from collections import Counter

from tests.benchmarks.targets.busy import Busy

CLASSES, THREADS, OBJECTS = map(int, sys.argv[1:])


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


def main() -> None:
    kept: list[object] = [[] for _ in range(OBJECTS)]
    busy = Busy(CLASSES, THREADS)
    verbs = {"collect": collect, "tally": tally, "begin": busy.begin}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        answer = busy.speed(float(words[0])) if verb == "work" else verbs[verb]()
        print(json.dumps(answer or 0), flush=True)
    busy.end()
    kept.clear()


main()
