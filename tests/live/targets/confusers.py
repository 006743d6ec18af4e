"""Do what looks like contention or a leak and is none, one step for each line of input.

Answers each line with one of JSON.  Given the word ``inside`` it reads itself after each
step; else it does not import inspector, and its main thread sleeps in between.
"""

from __future__ import annotations

import collections
import gc
import json
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER = 20


class Plain(collections.deque):  # type: ignore[type-arg]
    """Counted per thread when it is made, in the header when it is freed: no confuser."""


class Balanced:
    """Counted per thread, both ways, and in use between two readings."""


class Collected:
    """Made before a collection and freed after it."""


class Orphaned:
    """Freed by another thread than made it, after that one ended."""


class Crossed:
    """Freed by another thread than made it, which lives."""


class Recast:
    """Given up for another class by its instances."""


class Became:
    """The class that they take."""


class Swapped:
    """Given up by an instance of which another one is returned."""


class Swap:
    """The class that it takes."""


class Kept:
    """Kept by somebody."""


class Named:
    """Kept by somebody; each instance names its class once more."""


class Listed:
    """Has no instances: the class itself is kept in a list."""


class Garbage:
    """In cycles that await a collection."""


kept: list[Any] = []
orphans: list[Any] = []
hoard: list[Any] = []
parcels: queue.SimpleQueue[Any] = queue.SimpleQueue()
freed = threading.Semaphore(0)


def free() -> None:
    """Free what arrives, or do it."""
    while (parcel := parcels.get()) is not None:
        if callable(parcel):
            parcel()
        else:
            parcel.clear()
        del parcel
        freed.release()


def in_a_thread(work: Callable[[], object]) -> None:
    """Run something in a thread that ends."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def hand_over(instances: list[Any]) -> None:
    """Let the other thread free them."""
    parcels.put(instances)
    del instances
    freed.acquire()


def plain() -> None:
    for _ in range(NUMBER):
        Plain()


def shared() -> None:
    plain()
    parcels.put(plain)
    freed.acquire()


def keep() -> None:
    hoard.extend(Kept() for _ in range(NUMBER))


def name() -> None:
    for _ in range(NUMBER):
        one = Named()
        one.kind = Named  # type: ignore[attr-defined]
        hoard.append(one)


def enlist() -> None:
    hoard.extend([Listed] * NUMBER)


def factory() -> object:
    one = Swapped()
    one.__class__ = Swap  # type: ignore[assignment]
    return Swapped()


def swap() -> None:
    for _ in range(NUMBER):
        factory()


def swap_many() -> None:
    for _ in range(5000):
        factory()


def balanced() -> None:
    kept[:] = [] if kept else [Balanced() for _ in range(NUMBER)]


def collected() -> None:
    kept[:] = [Collected() for _ in range(NUMBER)]
    gc.collect()
    kept.clear()


def orphaned() -> None:
    """Free some of many that a thread made before it ended."""
    if not orphans:
        in_a_thread(lambda: orphans.extend(Orphaned() for _ in range(20 * NUMBER)))
    del orphans[:NUMBER]


def crossed() -> None:
    hand_over([Crossed() for _ in range(NUMBER)])


def short() -> None:
    """Make instances here, and free as many in a thread whose array does not reach their id."""
    kept.extend(Late() for _ in range(NUMBER))
    parcel, late[:NUMBER] = late[:NUMBER], []
    hand_over(parcel)


def recast() -> None:
    instances = [Recast() for _ in range(NUMBER)]
    for each in instances:
        each.__class__ = Became  # type: ignore[assignment]
    kept[:] = instances


def garbage() -> None:
    for _ in range(NUMBER):
        one = Garbage()
        one.myself = one  # type: ignore[attr-defined]


def collect() -> None:
    gc.collect()


def line() -> str:
    """Return the next line, empty at the end of the input."""
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return ""
        data += piece
    return data.decode().strip()


def main(say: Callable[[str], object]) -> None:
    answer: object = os.getpid()
    while True:
        os.write(1, json.dumps(answer).encode() + b"\n")
        word = line()
        if not word:
            break
        answer = say(word)
    parcels.put(None)
    freer.join()


def act(word: str) -> object:
    globals()[word]()
    return word


class Inside:
    """Acts, and looks at this process after each step."""

    def __init__(self) -> None:
        # Here, for the other kind of target is one without it.
        import inspector  # noqa: PLC0415
        from inspector.analysis.history import History  # noqa: PLC0415

        self._target, self._history = inspector.attach(), History
        self._seen: Any = None

    def __call__(self, word: str) -> object:
        """``begin`` reads, ``?TYPE`` asks for the verdict, all else is done."""
        if word.startswith("?"):
            judged = self._seen.verdict(self._seen.latest[word[1:]])
            return None if judged is None else judged.as_dict()
        if word == "begin":
            self._seen = self._history.begin(self._target.snapshot())
            return word
        act(word)
        self._seen = self._seen.add(self._target.snapshot())
        return word


# A collection in between would hide what is to be seen.
gc.disable()
freer = threading.Thread(target=free)
freer.start()
parcels.put([])
freed.acquire()
# More ids than the other thread's array has, so that it does not reach the last one.
many = [compile("0", str(number), "eval") for number in range(8192)]
Late = type("Late", (), {})
late: list[Any] = []
in_a_thread(lambda: late.extend(Late() for _ in range(20 * NUMBER)))
main(Inside() if sys.argv[1:] == ["inside"] else act)
