"""Keep objects as services do that leak, and wait."""

import gc
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator

NUMBER = 2000


class Order:
    """Kept in a dictionary that is never emptied."""

    __slots__ = ("number", "text")

    def __init__(self, number: int) -> None:
        self.number = number
        self.text = f"text {number}"


class Handler:
    """Kept by its method, in a registry."""

    def __init__(self, number: int) -> None:
        self.number = number

    def call(self) -> int:
        return self.number


class Context:
    """Kept by the frame of a generator that nobody ends."""


class Node:
    """Of a circle that a collection does not free: its end revives it."""

    other: "Node"

    def __del__(self) -> None:
        revived.append(self)


class Local:
    """Kept by a local variable of a thread."""


class Service:
    """Has an attribute, and a slot."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.last = Order(-1)


class Mark:
    """In a tuple in a list."""


def generate() -> Iterator[object]:
    context = Context()
    yield context


def work() -> None:
    mine = [Local() for _ in range(10)]
    started.set()
    ended.wait()
    mine.clear()


service = Service()
registry: list[Callable[[], int]] = []
pending: list[Iterator[object]] = []
revived: list[Node] = []
marks = [0, 1, (2, Mark())]
started, ended = threading.Event(), threading.Event()


def main() -> None:
    for number in range(NUMBER):
        service.orders[f"secret {number}"] = Order(number)
        registry.append(Handler(number).call)
        generator = generate()
        next(generator)
        pending.append(generator)
    for _ in range(NUMBER // 2):
        one, two = Node(), Node()
        one.other, two.other = two, one
        del one, two
    gc.collect()
    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    address = id(marks[2][1])  # type: ignore[index]
    os.write(1, json.dumps([os.getpid(), address]).encode() + b"\n")
    sys.stdin.read()
    ended.set()


main()
