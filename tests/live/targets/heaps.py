"""Make objects in known numbers, and say what there is by CPython's own count.

Between two lines of standard input all threads are blocked, and nothing moves.
"""

import gc
import importlib
import itertools
import json
import os
import re
import sys
import threading
from collections import Counter, deque
from decimal import Decimal


class Plain:
    """Has a dictionary and weak references: two words stand before its header."""

    def __init__(self, number: int) -> None:
        self.number = number


class Slotted:
    __slots__ = ("number",)


class Pair(tuple[int, int]):
    __slots__ = ()


class Table(dict[str, int]):
    pass


class Row(list[int]):
    pass


class Group(set[int]):
    pass


class Batch(Group):
    """Has no instances of its base beside it."""


class Line(deque[int]):
    pass


class Buffer(bytearray):
    pass


class Text(str):
    __slots__ = ()


class Reason(Exception):
    pass


def generate() -> object:
    yield None


PATTERN = re.compile("a")
HUGE = 20 << 20
DEQUE_BLOCK = 66 * 8


def kinds(number: int) -> list[object]:
    """Return as many objects of each of sixteen kinds."""
    numbers = range(number)
    return [
        *(Plain(each) for each in numbers),
        *(Slotted() for _ in numbers),
        *(Pair((each, each)) for each in numbers),
        *(Table() for _ in numbers),
        *(Row([each, each]) for each in numbers),
        *(Text("x" * (each % 4000)) for each in numbers),
        *(Reason() for _ in numbers),
        *(PATTERN.match("a") for _ in numbers),
        *(Decimal(each) / 7 for each in numbers),
        *(deque() for _ in numbers),
        *(float(each) / 3 for each in numbers),
        *((lambda: None) for _ in numbers),
        *(generate() for _ in numbers),
        *(frozenset((each,)) for each in numbers),
        *(complex(each, each) for each in numbers),
        *(bytearray(each) for each in numbers),
    ]


kept: list[object] = []
left: list[object] = []
crowd: list[threading.Thread] = []
ended = threading.Event()
inner: list[object] = []


def make(number: str) -> int:
    """Keep objects that this thread makes."""
    kept.extend(kinds(int(number)))
    return len(kept)


def huge(number: str) -> int:
    """Keep objects that take a segment each."""
    kept.extend(bytes(HUGE) for _ in range(int(number)))
    return len(kept)


def elsewhere(number: str) -> int:
    """Keep objects of a thread that ends."""
    each = threading.Thread(target=lambda: left.extend(kinds(int(number))))
    each.start()
    each.join()
    return len(left)


def threads(count: str, number: str) -> int:
    """Keep half of the objects of threads that live on; the others are freed by this thread."""
    made = threading.Barrier(int(count) + 1)
    taken = threading.Barrier(int(count) + 1)
    lists: list[list[object]] = []

    def work() -> None:
        mine = kinds(int(number))
        lists.append(mine)
        made.wait()
        taken.wait()
        # From here on nobody owns them, and whoever drops one frees it.
        mine.clear()
        made.wait()
        ended.wait()

    for _ in range(int(count)):
        each = threading.Thread(target=work)
        each.start()
        crowd.append(each)
    made.wait()
    mine = [list(objects) for objects in lists]
    taken.wait()
    made.wait()
    for objects in mine:
        kept.extend(objects[::2])
    return len(kept)


def drop() -> int:
    """Free half of the objects that a thread made which has ended."""
    del left[::2]
    return len(left)


def containers(number: str) -> dict[str, int]:
    """Keep containers of a hundred items; return the bytes of what hangs on them, by type."""
    sizes = {}
    for kind in (Row, Batch, Line, Buffer):
        made = [kind(range(100)) for _ in range(int(number))]
        kept.extend(made)
        # An empty deque has a block.
        empty = sys.getsizeof(kind()) - DEQUE_BLOCK * (kind is Line)
        sizes[f"__main__.{kind.__name__}"] = sum(sys.getsizeof(each) - empty for each in made)
    return sizes


def delay(number: str) -> int:
    """Replace the arrays of lists that are shared, while another thread may still read them."""
    shared: list[list[int]] = []
    maker = threading.Thread(target=lambda: shared.extend([each] for each in range(int(number))))
    maker.start()
    maker.join()
    numbers = itertools.count()
    # Never ends, and never comes to a place where a thread says that it reads nothing.
    crowd.append(threading.Thread(target=deque, args=(numbers, 0)))
    crowd[-1].start()
    last = next(numbers)
    while next(numbers) == last + 1:
        last += 1
    for each in shared:
        each.append(1)
    kept.extend(shared)
    return len(kept)


def churn(number: str) -> int:
    """Begin to make and free objects in as many threads, start others, and collect."""

    def work() -> None:
        while not ended.is_set():
            _ = [{each: [each], "text": (each, str(each))} for each in range(300)]

    def start() -> None:
        while not ended.is_set():
            each = threading.Thread(target=lambda: [[] for _ in range(50)])
            each.start()
            each.join()

    def collections() -> None:
        while not ended.wait(0.01):
            gc.collect()

    for each in [*[work] * int(number), start, collections]:
        crowd.append(threading.Thread(target=each))
        crowd[-1].start()
    return len(crowd)


def interpreter(number: str) -> int:
    """Keep objects in another interpreter; return its id."""
    other = importlib.import_module("concurrent.interpreters").create()
    other.exec(f"class Inner: pass\nkept = [Inner() for _ in range({number})]")
    inner.append(other)
    return int(other.id)


COUNT = """
import gc, json, os
from collections import Counter
found = Counter(map(type, gc.get_objects()))
names = Counter()
for each, number in found.items():
    names[f"{{each.__module__}}.{{each.__qualname__}}"] += number
os.write({}, json.dumps(names).encode())
os.close({})
del found, names, each, number
"""


def count_inner() -> object:
    """Return what the collector of the other interpreter tracks, by type."""
    other = inner[-1]
    answers = []
    # The first time it imports, and caches.
    for _ in range(2):
        read, write = os.pipe()
        other.exec(COUNT.format(write, write))  # type: ignore[attr-defined]
        with os.fdopen(read, "rb") as pipe:
            answers.append(json.loads(pipe.read()))
    return answers[-1]


def collect() -> int:
    """Collect until nothing is left."""
    while gc.collect():
        pass
    return 0


def count() -> dict[str, object]:
    """Return what the collector tracks, by type, and how many blocks there are."""
    found = Counter(map(type, gc.get_objects()))
    names: Counter[str] = Counter()
    for each, number in found.items():
        names[f"{each.__module__}.{each.__qualname__}"] += number
    return {"types": dict(names), "blocks": sys.getallocatedblocks()}


def fork() -> list[object]:
    """Return the pid of a child that waits for a pipe to be closed, and what it counted."""
    answers, answer = os.pipe()
    waiting, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(write)
        os.write(answer, json.dumps(count()).encode())
        os.close(answer)
        os.read(waiting, 1)
        os._exit(0)
    os.close(answer)
    inner.append(write)
    with os.fdopen(answers, "rb") as pipe:
        return [child, json.loads(pipe.read())]


def again() -> None:
    """Become the same program anew."""
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - no shell is wanted


def line() -> str:
    """Return the next line, empty at the end of the input."""
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return ""
        data += piece
    return data.decode()


COMMANDS = {
    each.__name__: each
    for each in (
        *(make, huge, elsewhere, threads, drop, containers, delay, churn),
        *(interpreter, count_inner, collect, count, fork, again),
    )
}


def main() -> None:
    gc.disable()
    answer: object = os.getpid()
    # What is imported or cached at first must not come in between.
    json.dumps(count())
    collect()
    while True:
        os.write(1, json.dumps(answer).encode() + b"\n")
        words = line().split()
        if not words:
            break
        answer = COMMANDS[words[0]](*words[1:])
    ended.set()


main()
