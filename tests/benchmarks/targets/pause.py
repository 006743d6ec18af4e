"""The pause of exact snapshots, a collection, and the bare reads, in turn; prints JSON.

Arguments: how many classes, how many threads besides the main one, how many rounds.
The pause is that of the second of two snapshots in a row, as of a process that is watched.
"""

import ctypes
import gc
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

import inspector
from inspector.process.own import OwnProcess
from inspector.process.vectors import Vectors
from tests.benchmarks.targets.busy import Busy

POINTER, COUNT = ctypes.c_void_p, ctypes.c_ulong
LIBRARY = ctypes.PyDLL(None)
GATHER, READV = LIBRARY.process_vm_writev, LIBRARY.process_vm_readv
for each in (GATHER, READV):
    each.argtypes = [ctypes.c_int, POINTER, COUNT, POINTER, COUNT, COUNT]
    each.restype = ctypes.c_ssize_t

CLASSES, THREADS, ROUNDS = map(int, sys.argv[1:])


def made(calls: Iterable[tuple[Any, ...]]) -> int:
    """Return the nanoseconds of some system calls, made without a pause."""
    begin = time.perf_counter_ns()
    for function, *arguments in calls:
        function(*arguments)
    return time.perf_counter_ns() - begin


def bare(target: inspector.Target) -> tuple[int, int]:
    """Return the nanoseconds of a snapshot's own calls, and of ``process_vm_readv`` instead."""
    assert isinstance(target._process, OwnProcess)
    world = target._process.world
    latest = next(iter(target._reader.states.values())).latest
    assert latest is not None
    assert latest.plan.split is not None
    ranges, _ = latest.plan.split
    kept, vectors = world._cache.find_or_make(ranges).next, Vectors(ranges, apart=True)
    own = [(GATHER, target.pid, *call, 0) for call in kept.gather_calls]
    reads = [(READV, target.pid, *call, 0) for call in vectors.calls]
    return made(own), made(reads)


def main() -> None:
    busy = Busy(CLASSES, THREADS)
    target = inspector.attach()
    target.snapshot()
    seen: dict[str, list[int]] = {"pause": [], "collect": [], "own calls": [], "readv": []}
    gc.disable()
    for _ in range(ROUNDS):
        snapshot = target.snapshot()
        seen["pause"].append(snapshot.pause_ns or 0)
        for name, taken in zip(("own calls", "readv"), bare(target), strict=True):
            seen[name].append(taken)
        begin = time.perf_counter_ns()
        gc.collect()
        seen["collect"].append(time.perf_counter_ns() - begin)
        target.snapshot()
    busy.end()
    print(json.dumps(seen))


main()
