"""A service that grows and whose threads wait for one lock; prints a line once it runs."""

from __future__ import annotations

import json
import os
import sys
import threading
import time


class Session:
    """What a cache keeps forever."""

    def __init__(self, number: int) -> None:
        self.data = {"number": number}


LOCK = threading.Lock()
cache: dict[tuple[int, int], Session] = {}


def handle(worker: int, started: threading.Barrier) -> None:
    """Serve forever."""
    started.wait()
    number = 0
    while True:
        with LOCK:
            time.sleep(0.002)
        number += 1
        cache[worker, number] = Session(number)


def main() -> None:
    """Start the workers and wait for the end of the input."""
    started = threading.Barrier(5)
    for worker in range(4):
        threading.Thread(target=handle, args=(worker, started), daemon=True).start()
    started.wait()
    sys.stdout.write(json.dumps(os.getpid()) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


main()
