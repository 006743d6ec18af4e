"""Readings of this process while all that can run Python code of a program's runs it, too.

Arguments: kinds of callbacks (joined by commas), how many snapshots, and after how many
seconds to end in any case.  One snapshot in twenty is of the whole process, the others are of
one class.  Callbacks read as well, now and then, in the middle of a reading of their thread.
Prints what was seen.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import signal
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import inspector
from inspector.errors import Reentered, TargetChanged

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS, SNAPSHOTS, SECONDS = sys.argv[1].split(","), int(sys.argv[2]), float(sys.argv[3])

WHOLE = 20
HANGS = 120
MORE = 8
"""References that those who read, and make instances, may hold at a moment."""


class Held:
    """Has instances that somebody keeps, and some that come and go."""


class Tally:
    """What was seen."""

    snapshots = exact = inner = reentered = events = longest_pause_ns = 0
    faults: list[str]


seen = Tally()
seen.faults = []
done = threading.Event()
lock = threading.RLock()
"""A signal handler, too, may raise an event within the hook that holds it."""


ended = False
"""The program is at its end."""


def read(base: int) -> None:
    """Read within a callback, and see that it is right or said to be too much."""
    try:
        count = inspector.refcount(Held).counted
    except Reentered:
        seen.reentered += 1
        return
    except TargetChanged:
        assert ended  # nothing is counted any more when the last finalizers run
        return
    if count is None or not base <= count <= base + MORE:
        seen.faults.append(f"{count} and not {base} within a callback")
    seen.inner += 1


def every(number: int, work: Callable[[], object]) -> Callable[..., Any]:
    """Return a callback that takes a lock and allocates each time, and works now and then."""
    calls = 0

    def call(*_: object) -> None:
        nonlocal calls
        calls += 1
        seen.events += 1
        kept: list[object] = [{"a": []}]
        if lock.acquire(timeout=60):
            kept.append(kept)
            lock.release()
        else:
            seen.faults.append("a lock was not to be had")
        if not calls % number:
            work()

    return call


def begin(kind: str, work: Callable[[], object]) -> None:
    """Install a callback of one kind."""
    if kind == "audit":
        sys.addaudithook(every(3000, work))
    elif kind == "signal":
        # Without the lock, which it may find in the middle of being taken.
        calls = iter(range(1 << 60))
        signal.signal(signal.SIGALRM, lambda *_: None if next(calls) % 100 else work())
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    elif kind == "trace":
        trace = every(100_000, work)

        def local(*arguments: object) -> Any:  # noqa: ANN401 - itself
            trace(*arguments)
            return local

        sys.settrace(local)
    elif kind == "profile":
        sys.setprofile(every(100_000, work))
    elif kind == "monitoring":
        monitoring: Any = getattr(sys, "monitoring", None)
        monitoring.use_tool_id(3, "tests")
        monitoring.register_callback(3, monitoring.events.PY_RETURN, every(100_000, work))
        monitoring.set_events(3, monitoring.events.PY_RETURN)
    elif kind == "gc":
        gc.callbacks.append(every(50, work))
    else:
        assert kind == "finalizer"


class Dying:
    """Reads when it dies, which only a collection lets it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._self = self
        self._ref = weakref.ref(self, lambda _: work())

    def __del__(self) -> None:
        self._work()


def busy() -> None:
    """Raise audit events, and make and free instances."""
    while not done.is_set():
        for _ in range(20):
            id(Held())
        time.sleep(0.002)


def collecting() -> None:
    """Collect."""
    while not done.is_set():
        gc.collect()
        time.sleep(0.02)


def keep() -> list[list[Held]]:
    """Return instances that threads made which have ended, and one that has not."""
    kept: list[list[Held]] = []
    makers = [
        threading.Thread(target=lambda: kept.append([Held() for _ in range(50)])) for _ in range(4)
    ]
    for each in makers:
        each.start()
        each.join()
    kept.append([Held() for _ in range(50)])
    return kept


def take(number: int, base: int) -> None:
    """Take one snapshot, and check it."""
    if number % WHOLE:
        row = inspector.refcount(Held)
        seen.exact += row.settled and row.deferred is not None
    else:
        snapshot = inspector.snapshot(unlisted=False)
        seen.exact += snapshot.exact
        seen.longest_pause_ns = max(seen.longest_pause_ns, snapshot.pause_ns or 0)
        row = snapshot[Held]
    if row.counted is None or not base <= row.counted <= base + MORE:
        seen.faults.append(f"{number}: {row.counted} and not {base}")
    seen.snapshots += 1


def main() -> None:
    """Take the snapshots, and print what was seen."""
    global ended  # noqa: PLW0603 - for what runs at the very end
    kept = keep()
    inspector.snapshot(unlisted=False)
    base = inspector.refcount(Held).counted or 0
    threads = [threading.Thread(target=each) for each in (busy, busy, collecting)]
    for each in threads:
        each.start()

    def work() -> None:
        read(base)

    for kind in KINDS:
        begin(kind, work)
    began = time.monotonic()
    for number in range(SNAPSHOTS):
        faulthandler.dump_traceback_later(HANGS, exit=True)
        take(number, base)
        if "finalizer" in KINDS and not number % 10:
            Dying(work)
        if time.monotonic() > began + SECONDS:
            break
    sys.settrace(None)
    sys.setprofile(None)
    signal.setitimer(signal.ITIMER_REAL, 0)
    done.set()
    for each in threads:
        each.join()
    assert len(kept) == 5
    ended = True
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"wanted": SNAPSHOTS, "seconds": seconds, **vars(seen)}))
    faulthandler.cancel_dump_traceback_later()


main()
