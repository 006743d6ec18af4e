"""Copies of a process that work until they have changed."""

from __future__ import annotations

import contextvars
import gc
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inspector.audit.forked_work import ForkedCopy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("VARIABLE")

CHANGES: dict[str, Callable[[], object]] = {
    "attribute": lambda: setattr(time, "perf_counter", time.monotonic),
    "children": os.fork,
    "collector": gc.disable,
    "context": lambda: VARIABLE.set(1),
    "descriptor": lambda: os.close(os.open("/dev/null", os.O_RDONLY) - 1),
    "directory": lambda: os.chdir("/proc"),
    "environment": lambda: os.environ.setdefault("NEW_IN_A_TEST", "1"),
    "handler": lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
    "mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
    "module": lambda: sys.modules.update(new_in_a_test=sys),
    "path": lambda: sys.path.append("/new/in/a/test"),
    "recursion": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "session": os.setsid,
    "thread": lambda: threading.Thread(target=threading.Event().wait, daemon=True).start(),
    "timer": lambda: signal.setitimer(signal.ITIMER_REAL, 1000, 1000),
    "tracing": lambda: threading.settrace(print),
    "umask": lambda: os.umask(0o123),
}


def work(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    change = CHANGES.get(request["change"])
    if change is not None:
        change()
    yield {"done": True, "pid": os.getpid()}


def ask(copy: ForkedCopy, change: str) -> dict[str, Any]:
    (answer,) = copy.ask({"change": change}, 30)
    return answer


def test_a_copy_that_nothing_changed_is_asked_again() -> None:
    copy = ForkedCopy(work, ())
    try:
        answers = [ask(copy, "nothing") for _ in range(3)]
        assert not copy.ended
    finally:
        copy.end()
    assert answers == [answers[0]] * 3
    assert answers[0]["pid"] != os.getpid()


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_ends_with_the_answer_after_which_it_is_another(change: str) -> None:
    copy = ForkedCopy(work, ())
    try:
        ask(copy, change)
        assert copy.ended
    finally:
        copy.end()


@pytest.mark.parametrize(
    "line", [b"words", b"[1]", b'{"done": true}', b'["", {"done": true}]', b"1", b"[" * 50_000]
)
def test_what_the_work_writes_to_the_pipe_of_its_answers_is_none(line: bytes) -> None:
    before = list(Path("/proc/self/fd").iterdir())

    def scribble(_: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for file in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # a pipe to read from, or what listed the others
                if file not in before and file.is_fifo():
                    os.write(int(file.name), line + b"\n")
        yield {"done": True}

    copy = ForkedCopy(scribble, ())
    (answer,) = copy.ask({}, 30)
    assert answer == {"ended": "wrote to a pipe of the audit"}
    assert copy.ended
