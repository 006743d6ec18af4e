"""K instances of one class in each of N threads; print its total at every stage."""

import gc
import json
import threading

import inspector

INSTANCES, THREADS = 300, 5


class Subject:
    """What is counted."""


def total() -> int:
    count = inspector.refcount(Subject)
    assert count.total is not None
    return count.total


def main() -> None:
    # A collection would move the contributions to the header.
    gc.disable()
    inspector.attach()
    base = total()
    made = threading.Barrier(THREADS + 1)
    counted = threading.Barrier(THREADS + 1)
    kept: list[list[Subject]] = []

    def work() -> None:
        kept.append([Subject() for _ in range(INSTANCES)])
        made.wait()
        counted.wait()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    made.wait()
    alive = inspector.refcount(Subject)
    natives = {thread.native_id or 0 for thread in threads}
    stages = {
        "contributions": [alive.contributions.get(each, 0) for each in sorted(natives)],
        "alive": (alive.total or 0) - base,
    }
    counted.wait()
    for thread in threads:
        thread.join()
    ended = inspector.refcount(Subject)
    stages["ended"] = (ended.total or 0) - base
    stages["left"] = sum(ended.contributions.get(each, 0) for each in natives)
    kept.clear()
    stages["dropped"] = total() - base
    stages["gil"] = inspector.snapshot().target.gil_enabled
    print(json.dumps(stages))


main()
