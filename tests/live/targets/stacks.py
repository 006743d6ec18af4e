"""Threads with known references on their stacks, and suspended generators.

Prints one line when ready: what will be true.  Then answers each line
of standard input with one of its own: ``start`` starts the threads, ``generators`` makes
seven generators that hold the class, ``collect`` collects; the end of input ends it.
"""

import gc
import json
import sys
import threading
from collections.abc import Generator

THREADS, SLOTS = 4, 6


class Subject:
    """What is held."""


def hold(ready: threading.Barrier, go: threading.Event) -> tuple[type, ...]:
    one = two = three = four = five = six = Subject

    def inner() -> None:
        ready.wait()
        go.wait()

    inner()
    return one, two, three, four, five, six


def generator() -> Generator[None, None, object]:
    one = two = Subject
    yield
    return one, two


def say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    ready, go = threading.Barrier(THREADS + 1), threading.Event()
    threads = [threading.Thread(target=hold, args=(ready, go)) for _ in range(THREADS)]
    say({"slots": THREADS * SLOTS})
    kept: list[object] = []
    for line in sys.stdin:
        match line.strip():
            case "start":
                for thread in threads:
                    thread.start()
                ready.wait()
            case "generators":
                for _ in range(7):
                    each = generator()
                    next(each)
                    kept.append(each)
            case "collect":
                while gc.collect():
                    pass
        say({"done": line.strip()})
    go.set()


main()
