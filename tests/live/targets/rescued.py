"""A class that came back from cyclic garbage, with nine instances; says when it is ready."""

import gc
import json
import os
import sys

saved: list[type] = []


class Rescuer:
    """Brings the class back when it is about to be freed."""

    def __init__(self, subject: type) -> None:
        self.subject = subject

    def __del__(self) -> None:
        saved.append(self.subject)


def make() -> None:
    class Rescued:
        pass

    Rescued.rescuer = Rescuer(Rescued)  # type: ignore[attr-defined]


make()
gc.collect()
Rescued = saved.pop()
kept = [Rescued() for _ in range(9)]
print(json.dumps({"pid": os.getpid()}), flush=True)
sys.stdin.readline()
kept.clear()
print(json.dumps({"dropped": 9}), flush=True)
sys.stdin.readline()
