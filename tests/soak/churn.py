"""All that makes snapshots of the own process hard, each in a thread that seldom rests.

Each kind waits a moment between its rounds, so that the reader gets its turn on a
machine with few cores.  Standard library only: the interpreters that run this have
nothing else.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import inspector

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["INNER", "MOST", "Churn", "One", "Other"]


class Shared:
    """Instances come and go: at most one in each of two threads is alive at any time."""


class Bag(deque[int]):
    """Likewise, in one thread; made per thread, freed in the header."""


class Kept:
    """Instances were made once, in threads that ended, and are kept."""


class One:
    """The class of one object, in turn with Other."""


class Other:
    """The class of one object, in turn with One."""


MOST: Final[dict[type, int]] = {Shared: 2, Bag: 1, Kept: 0, One: 1, Other: 1}
"""By how many there can be more references than at rest."""

KEPT: Final = 20

INNER: Final = "class Inner: pass\nkept = [Inner() for _ in range(5)]"
"""What another interpreter runs, and leaves."""

INNER_CHURN: Final = "import gc\ntype('Brief', (), {})()\ngc.collect()"
INNER_ROUNDS: Final = 500
"""What it runs again and again before it is closed."""

HELD: Final = 4
"""References to one class that the reader's frames may have in hand at any moment."""

CHILD_SECONDS: Final = 60
"""After which a forked child that hangs is killed by its alarm."""


class Counted(NamedTuple):
    """What a churn does besides: rounds of forks and of interpreters."""

    forks: list[int]
    """The status that each child ended with; 0 is right."""
    interpreters: list[int]
    """The id of each interpreter that was made and closed."""


class Churn:
    """The threads; begun at the start of the context and joined at its end."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.done = Counted([], [])
        self.kept: list[Kept] = []
        # A child of a process with more than one interpreter crashes or hangs in CPython's
        # own PyOS_AfterFork_Child, which clears the others (3.14 and 3.15).
        self._forks_or_interpreters = threading.Lock()
        maker = threading.Thread(target=self._make_kept)
        maker.start()
        maker.join()
        work: list[Callable[[], None]] = [
            self._collect,
            self._start_and_end_threads,
            self._create_and_destroy_classes,
            self._assign_classes,
            self._assign_function_attributes,
            self._import_modules,
            self._make_instances,
            self._fork,
            self._create_and_destroy_interpreters,
        ]
        self._threads = [threading.Thread(target=each, name=each.__name__) for each in work]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _make_kept(self) -> None:
        self.kept.extend(Kept() for _ in range(KEPT))

    def _collect(self) -> None:
        while not self.stop.wait(0.25):
            gc.collect()

    def _start_and_end_threads(self) -> None:
        while not self.stop.wait(0.02):
            thread = threading.Thread(target=lambda: Shared())  # noqa: PLW0108 - holds no reference
            thread.start()
            thread.join()

    def _create_and_destroy_classes(self) -> None:
        number = 0
        while not self.stop.wait(0.01):
            number += 1
            type(f"Class{number}", (), {"number": number})()

    def _assign_classes(self) -> None:
        subject: object = One()
        while not self.stop.wait(0.01):
            for _ in range(3):
                subject.__class__ = Other
                subject.__class__ = One

    def _assign_function_attributes(self) -> None:
        def function() -> None: ...

        while not self.stop.wait(0.01):
            for _ in range(3):
                function.__defaults__ = (1,)
                function.__kwdefaults__ = None

    def _import_modules(self) -> None:
        names = ("colorsys", "bisect", "_bisect", "heapq", "_heapq", "sched")
        while not self.stop.wait(0.25):
            for name in names:
                sys.modules.pop(name, None)
                importlib.import_module(name)

    def _make_instances(self) -> None:
        while not self.stop.wait(0.01):
            for _ in range(100):
                Shared()
                Bag()

    def _fork(self) -> None:
        """Make children that read themselves: no thread but the one that forked is left."""
        counted = inspector.refcount(Kept).counted or 0
        over = False
        while not over:
            with self._forks_or_interpreters:
                child = os.fork()
                if not child:
                    signal.alarm(CHILD_SECONDS)
                    with contextlib.suppress(BaseException):
                        os._exit(_right_in_child(counted))
                    os._exit(99)
                status = os.waitpid(child, 0)[1]
            self.done.forks.append(os.waitstatus_to_exitcode(status))
            over = self.stop.wait(1)

    def _create_and_destroy_interpreters(self) -> None:
        interpreters = importlib.import_module("concurrent.interpreters")
        over = False
        while not over:
            with self._forks_or_interpreters:
                other = interpreters.create()
                other.exec(INNER)
                for _ in range(INNER_ROUNDS):
                    other.exec(INNER_CHURN)
                    if self.stop.wait(0.02):
                        break
                other.close()
            self.done.interpreters.append(int(other.id))
            # CPython keeps 3 MB of each for good: few, that live long, so that this stays
            # small beside the memory of a reader that leaks.
            over = self.stop.wait(20)


def _right_in_child(counted: int) -> int:
    """Return 0 if the child's own attachment reads what its parent counted.

    What the reader's frames held when the process forked stays held in the child.
    """
    more = (inspector.refcount(Kept).counted or 0) - counted
    threads = inspector.snapshot(unlisted=False).interpreters[0].threads
    alone = [thread.native_id for thread in threads] == [os.getpid()]
    return 0 if -HELD <= more <= HELD and alone else 1
