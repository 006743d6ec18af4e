"""Threads that create and free shared types, classes and threads as fast as they can.

Arguments: how many threads do so with instances, with classes, and with threads.
The first line on standard input lets them begin, its end ends them.
"""

import json
import os
import sys
import threading
from collections import deque

MAKERS, BREEDERS, STARTERS = map(int, sys.argv[1:])


class Hot:
    """Each maker and each starter has one instance at most, beside those that are kept."""


class Bag(deque[int]):
    """Likewise; its instances come per thread and go through the header."""


class Kept:
    """Instances are made once and kept."""


kept = [Kept() for _ in range(100)] + [Hot() for _ in range(10)] + [Bag() for _ in range(10)]
end = threading.Event()


def make() -> None:
    while not end.is_set():
        for _ in range(100):
            Hot()
            Bag()


def breed() -> None:
    while not end.is_set():
        type("Brief", (), {})()


def make_one() -> None:
    Hot()


def start() -> None:
    while not end.is_set():
        thread = threading.Thread(target=make_one)
        thread.start()
        thread.join()


def main() -> None:
    work = [make] * MAKERS + [breed] * BREEDERS + [start] * STARTERS
    crowd = [threading.Thread(target=each) for each in work]
    for go in (False, True):
        if go:
            for each in crowd:
                each.start()
        os.write(1, json.dumps(os.getpid()).encode() + b"\n")
        os.read(0, 100)
    end.set()
    for each in crowd:
        each.join()


main()
