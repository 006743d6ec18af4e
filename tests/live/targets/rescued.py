"""A class that came back from cyclic garbage, with nine instances; says when it is ready."""

import gc
import json
import sys

saved: list[type] = []
Rescued: type


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


def main() -> None:
    global Rescued  # noqa: PLW0603 - on 3.14 it is found by its name only
    make()
    gc.collect()
    Rescued = saved.pop()
    kept = [Rescued() for _ in range(9)]
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    kept.clear()
    print(json.dumps("dropped"), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
