"""Exact snapshots while other threads do all that makes snapshots hard; print what was seen.

Argument: the number of snapshots.  Each kind of churn waits a moment between its
rounds, so that the reader gets its turn on a machine with few cores.
"""

import gc
import importlib
import json
import sys
import threading

import inspector

SNAPSHOTS = int(sys.argv[1])


class Shared:
    """Instances come and go: at most one in each of two threads is alive at any time."""


class One:
    """The class of one object, in turn with Other."""


class Other:
    """The class of one object, in turn with One."""


stop = threading.Event()


def collect() -> None:
    while not stop.wait(0.05):
        gc.collect()


def start_and_end_threads() -> None:
    while not stop.wait(0.002):
        thread = threading.Thread(target=lambda: Shared())  # noqa: PLW0108 - holds no reference
        thread.start()
        thread.join()


def create_and_destroy_classes() -> None:
    number = 0
    while not stop.wait(0.001):
        number += 1
        type(f"Class{number}", (), {"number": number})()


def assign_classes() -> None:
    subject: object = One()
    while not stop.wait(0.0005):
        for _ in range(20):
            subject.__class__ = Other
            subject.__class__ = One


def assign_function_attributes() -> None:
    def function() -> None: ...

    while not stop.wait(0.0005):
        for _ in range(20):
            function.__defaults__ = (1,)
            function.__kwdefaults__ = None


def import_modules() -> None:
    names = ("colorsys", "bisect", "_bisect", "heapq", "_heapq", "statistics", "_statistics")
    while not stop.wait(0.02):
        for name in names:
            sys.modules.pop(name, None)
            importlib.import_module(name)


def make_instances() -> None:
    while not stop.wait(0.0005):
        for _ in range(200):
            Shared()


def note(snapshot: inspector.Snapshot, base: dict[type, int], seen: dict[type, list[int]]) -> None:
    """Add the totals to those seen; in a frame of its own, which holds no class afterwards."""
    for each, totals in seen.items():
        totals.append((snapshot[each].total or 0) - base[each])


def main() -> None:
    churn = [
        collect,
        start_and_end_threads,
        create_and_destroy_classes,
        assign_classes,
        assign_function_attributes,
        import_modules,
        make_instances,
    ]
    target = inspector.attach()
    seen: dict[type, list[int]] = {Shared: [], One: [], Other: []}
    base = dict.fromkeys(seen, 0)
    first = target.snapshot()
    base.update((each, first[each].total or 0) for each in seen)
    del first
    threads = [threading.Thread(target=each) for each in churn]
    for thread in threads:
        thread.start()
    negative = tries = pauses = unread = 0
    for _ in range(SNAPSHOTS):
        snapshot = target.snapshot(unlisted=False)
        note(snapshot, base, seen)
        negative += sum(row.total is not None and row.total < 0 for row in snapshot)
        unread += sum(row.total is None and row.state != "immortal" for row in snapshot)
        tries += snapshot.tries
        pauses = max(pauses, snapshot.pause_ns or 0)
    stop.set()
    for thread in threads:
        thread.join()
    gc.collect()
    last = target.snapshot()
    print(
        json.dumps(
            {
                "snapshots": SNAPSHOTS,
                "bounds": {each.__name__: [min(of), max(of)] for each, of in seen.items()},
                "left": {each.__name__: (last[each].total or 0) - base[each] for each in base},
                "negative": negative,
                "unread": unread,
                "tries": tries,
                "longest_pause_ns": pauses,
            }
        )
    )


main()
