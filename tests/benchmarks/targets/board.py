"""A busy program with a dashboard of its own, or without; answers with rounds per second.

Arguments: how many classes, how many threads besides the main one, the seconds of each
measurement, and the descriptors of two pipes: of questions (``with`` and ``without``,
a line each) and of answers, JSON.
"""

import json
import os
import sys
from typing import TextIO

import inspector
from tests.benchmarks.targets.busy import Busy

CLASSES, THREADS = map(int, sys.argv[1:3])
SECONDS = float(sys.argv[3])

EVERY = 0.25
"""Seconds between two readings of the dashboard."""


def measure(busy: Busy, answers: TextIO) -> None:
    """Answer with the speed, once what has just begun is under way."""
    busy.speed(SECONDS)
    answers.write(json.dumps(busy.speed(SECONDS)) + "\n")


def main() -> None:
    questions, answers = os.fdopen(int(sys.argv[4])), os.fdopen(int(sys.argv[5]), "w", 1)
    busy = Busy(CLASSES, THREADS)
    busy.begin()
    try:
        for question in questions:
            if question == "with\n":
                # Whoever asked leaves the dashboard when there is an answer.
                with inspector.dashboard(interval=EVERY):
                    measure(busy, answers)
            else:
                measure(busy, answers)
    finally:
        busy.end()


main()
