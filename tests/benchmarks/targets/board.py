"""A busy program with a dashboard of its own, or without; answers with rounds per second.

Arguments: how many classes, how many threads besides the main one, the seconds of each
measurement, and the descriptors of two pipes: of questions (``with`` and ``without``,
a line each) and of answers, JSON.
"""

import json
import os
import sys
import threading
import time
from itertools import count
from typing import TextIO

import inspector

CLASSES, THREADS = map(int, sys.argv[1:3])
SECONDS = float(sys.argv[3])

EVERY = 0.25
"""Seconds between two readings of the dashboard."""

classes = [type(f"Class{number}", (), {}) for number in range(CLASSES)]
made = threading.Barrier(THREADS + 1)
end = threading.Event()
beats = 0


def hold(first: int) -> None:
    mine = [each() for each in classes[first % 100 :: 100]]
    made.wait()
    end.wait()
    mine.clear()


def beat() -> None:
    """Work as fast as one thread can: instances, calls, a dictionary."""
    global beats
    some = classes[0]
    table: dict[int, object] = {}
    for beats in count():
        table[beats & 255] = some()
        if not beats & 1023 and end.is_set():
            return


def speed() -> float:
    """Return the rounds per second of the busy thread, once what just began has begun."""
    time.sleep(SECONDS)
    first, begin = beats, time.perf_counter()
    time.sleep(SECONDS)
    return (beats - first) / (time.perf_counter() - begin)


def answer(question: str, answers: TextIO) -> None:
    """Answer one question; whoever asked for a dashboard leaves it once that is answered."""
    if question == "with":
        with inspector.dashboard(interval=EVERY):
            answers.write(json.dumps(speed()) + "\n")
    else:
        answers.write(json.dumps(speed()) + "\n")


def main() -> None:
    questions, answers = os.fdopen(int(sys.argv[4])), os.fdopen(int(sys.argv[5]), "w", 1)
    crowd = [threading.Thread(target=hold, args=(number,)) for number in range(THREADS)]
    for each in [*crowd, threading.Thread(target=beat)]:
        each.start()
    made.wait()
    try:
        for question in questions:
            answer(question.strip(), answers)
    finally:
        end.set()


main()
