"""A small service with two faults: what it remembers grows, and its threads stop each other.

    python examples/shop.py [SECONDS]

Two workers answer requests. Each remembers the sessions of its users and forgets none, and
sets the default of a function for each request, for which CPython stops all threads.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time

requests = itertools.count()
sessions: dict[int, Session] = {}


class Session:
    """What one user has chosen."""

    __slots__ = ("basket", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        self.basket = [user]


def price(item: int, tax: float = 0.19) -> float:
    """Return what an item costs."""
    return item * (1 + tax)


def answer(request: int) -> float:
    """Answer one request."""
    price.__defaults__ = (0.2 if request % 2 else 0.1,)
    sessions[request] = Session(f"user {request}")
    return sum(price(item) for item in range(50))


def work(until: float) -> None:
    """Answer requests until then."""
    while time.monotonic() < until:
        answer(next(requests))


def main() -> None:
    """Run two workers."""
    until = time.monotonic() + float(sys.argv[1] if len(sys.argv) > 1 else "inf")
    for name in ("worker-1", "worker-2"):
        threading.Thread(target=work, args=(until,), name=name).start()
    print("two workers answer requests", flush=True)


if __name__ == "__main__":
    main()
