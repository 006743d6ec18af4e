"""What an audit hook, or a system that allows no executable memory, makes of readings.

Argument: which of the cases below; prints what came of it.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time
from collections import Counter
from typing import Any

import inspector
from inspector.errors import InspectorError
from inspector.process.own_world import OwnWorld

PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1


class Held:
    """Has a hundred instances."""


kept = [Held() for _ in range(100)]


def pause() -> Any:  # noqa: ANN401 - JSON
    """Return the events of a reading in a pause that lie within that."""
    world, ranges = OwnWorld(), [(id(Held), 16), (id(kept), 16)]
    world.read_many(ranges)
    events: list[tuple[str, int]] = []
    sys.addaudithook(lambda event, _: events.append((event, time.monotonic_ns())))
    events.clear()
    world.read_many(ranges)
    seconds, nanoseconds, seconds_then, nanoseconds_then = world._times
    began, ended = seconds * 10**9 + nanoseconds, seconds_then * 10**9 + nanoseconds_then
    return {
        "before": [event for event, at in events if at < began],
        "within": [event for event, at in events if began <= at <= ended],
        "ns": [world.pause_ns, ended - began],
    }


def refused() -> Any:  # noqa: ANN401 - JSON
    """Refuse the first foreign call of a reading, then the second, and so on, each for good."""
    answers = Counter[str]()
    before = inspector.refcount(Held).counted
    left = [-1]

    def hook(event: str, _: object) -> None:
        if event == "ctypes.call_function" and left[0] >= 0:
            left[0] -= 1
            if left[0] < 0:
                left[0] = 0
                raise RuntimeError("no")

    sys.addaudithook(hook)
    after = []
    for number in range(1, 1000):
        left[0] = number
        try:
            inspector.refcount(Held)
            break
        except InspectorError as error:
            answers[f"{type(error).__name__}: {error}"] += 1
        finally:
            left[0] = -1
        # Were the world stopped, this thread would never begin.
        thread = threading.Thread(target=lambda: after.append(inspector.refcount(Held).counted))
        thread.start()
        thread.join()
    return {
        "answers": answers,
        "wrong": [each for each in after if each != before],
        "number": number,
    }


def reading() -> Any:  # noqa: ANN401 - JSON
    """Read at every event of a reading."""
    before = inspector.refcount(Held).counted
    inner = Counter[str]()

    def hook(_: str, __: object) -> None:
        try:
            right = before == inspector.refcount(Held).counted
            inner["right" if right else "wrong"] += 1
        except InspectorError as error:
            inner[type(error).__name__] += 1

    sys.addaudithook(hook)
    after = inspector.refcount(Held).counted
    return {"inner": inner, "same": before == after}


def settled() -> Any:  # noqa: ANN401 - JSON
    """Read where no memory may become executable."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
        return None
    from inspector.checks import assert_no_type_leaks, assert_refcount_unchanged  # noqa: PLC0415

    before = inspector.refcount(Held)
    snapshot = inspector.snapshot()
    with assert_no_type_leaks(), assert_refcount_unchanged(Held):
        kept.extend(kept.pop() for _ in range(3))
    target = inspector.attach()
    kept.append(Held())
    return {
        "exact": [snapshot.exact, snapshot.as_dict()["why_not_exact"], snapshot.pause_ns],
        "moved": [each.name for each in snapshot if not each.settled],
        "rows": len(snapshot),
        "more": (target.refcount(Held).counted or 0) - (before.counted or 0),
        "stack": before.deferred,
        "suspended": target.suspended(),
    }


print(json.dumps(globals()[sys.argv[1]]()))
