"""Do what standard input says, line by line, and answer each line with one of JSON.

In between the main thread is blocked in ``os.read``: nothing of the target moves
that was not asked for, and a collection, which merges counts, happens only where
it is asked for.  It does not import inspector.
"""

import gc
import importlib
import json
import os
import sys
import threading


class Shared:
    """What is counted: made in the main thread and in others."""


kept: list[Shared] = []
ended = threading.Event()
crowd: list[threading.Thread] = []
others: list[object] = []


def make(number: str) -> int:
    kept.extend(Shared() for _ in range(int(number)))
    return len(kept)


def classes(number: str) -> int:
    """Make so many classes, one of them with a name that harms whoever prints it."""
    names = ["\x1b]0;owned\x07\x1b[2J[red]\u202e\n" + "x" * 10_000]
    names += [f"Class{place}" for place in range(int(number) - 1)]
    others.extend(type(name, (), {"__module__": "many"}) for name in names)
    return len(others)


def drop(number: str) -> int:
    del kept[: int(number)]
    return len(kept)


def collect() -> int:
    rounds = 1
    while gc.collect():
        rounds += 1
    return rounds


def hold(number: int, made: threading.Barrier) -> None:
    mine = [Shared() for _ in range(number)]
    made.wait()
    ended.wait()
    mine.clear()


def threads(count: str, instances: str) -> list[int | None]:
    """Start threads that hold instances each; answer with their native ids."""
    made = threading.Barrier(int(count) + 1)
    first = len(crowd)
    for number in range(int(count)):
        name = f"holder-{first + number}"
        each = threading.Thread(target=hold, args=(int(instances), made), name=name)
        each.start()
        crowd.append(each)
    made.wait()
    return [each.native_id for each in crowd[first:]]


def join() -> int:
    ended.set()
    for each in crowd:
        each.join()
    crowd.clear()
    ended.clear()
    return 0


def interpreter(instances: str) -> int:
    """Make another interpreter with a class of its own and as many instances; answer its id."""
    other = importlib.import_module("concurrent.interpreters").create()
    other.exec(f"class Inner: pass\nkept = [Inner() for _ in range({instances})]")
    others.append(other)
    return int(other.id)


def fork() -> int:
    """Answer with the pid of a child that waits for the same pipe to be closed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    others.append(write)
    return child


def execute() -> None:
    """Become another program, which answers in this one's place."""
    code = "import os; os.write(1, b'\"replaced\"\\n'); os.read(0, 1)"
    os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606 - no shell is wanted


def become(user: str) -> int:
    """Give up all rights for those of another user."""
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
    return os.getuid()


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
    for each in (make, classes, drop, collect, threads, join, interpreter, fork, execute, become)
}


def main() -> None:
    gc.disable()
    answer: object = os.getpid()
    while True:
        os.write(1, json.dumps(answer).encode() + b"\n")
        words = line().split()
        if not words:
            break
        answer = COMMANDS[words[0]](*words[1:])
    join()


main()
