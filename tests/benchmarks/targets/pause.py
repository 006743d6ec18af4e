"""The pause of exact snapshots, a collection, and the bare reads, in turn; prints JSON.

Arguments: how many classes, how many threads besides the main one, how many rounds.
"""

import gc
import json
import sys
import time

import inspector
from inspector.process.own import OwnProcess
from inspector.process.vectors import Vectors
from tests.benchmarks.targets.busy import Busy

CLASSES, THREADS, ROUNDS = map(int, sys.argv[1:])


def bare(target: inspector.Target) -> int:
    """Return the nanoseconds of the system calls of a snapshot, made without a pause."""
    assert isinstance(target._process, OwnProcess)
    world = target._process.world
    latest = next(iter(target._known.values())).latest
    assert latest is not None
    assert latest.planned.halves is not None
    vectors = Vectors(latest.planned.halves[0], apart=True)
    calls = [(world._readv, (target.pid, *call, 0)) for call in vectors.calls]
    begin = time.perf_counter_ns()
    for function, arguments in calls:
        function(*arguments)
    return time.perf_counter_ns() - begin


def main() -> None:
    busy = Busy(CLASSES, THREADS)
    target = inspector.attach()
    target.snapshot()
    seen: dict[str, list[int]] = {"pause": [], "collect": [], "bare": []}
    gc.disable()
    for _ in range(ROUNDS):
        snapshot = target.snapshot()
        seen["pause"].append(snapshot.pause_ns or 0)
        seen["bare"].append(bare(target))
        begin = time.perf_counter_ns()
        gc.collect()
        seen["collect"].append(time.perf_counter_ns() - begin)
        target.snapshot()
    busy.end()
    print(json.dumps(seen))


main()
