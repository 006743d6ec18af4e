"""The first use of inspector, by code that runs in the middle of an import; prints its answers.

Argument: which of the cases below.
"""

from __future__ import annotations

import gc
import importlib
import json
import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import inspector

if TYPE_CHECKING:
    from collections.abc import Callable


class Held:
    """Has ten instances."""


kept = [Held() for _ in range(10)]
answers = Counter[str]()
started: list[threading.Thread] = []


def read() -> None:
    """Read, and note what came of it."""
    try:
        answers["more than ten" if (inspector.refcount(Held).counted or 0) > 10 else "wrong"] += 1
    except inspector.InspectorError as error:
        answers[f"{type(error).__name__}: {error}"] += 1


def at_imports(work: Callable[[], object], only: str = "") -> None:
    """Work at the beginning of every import, or of some."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import" and str(arguments[0]).startswith(only):
            work()

    sys.addaudithook(hook)


def in_a_hook() -> None:
    at_imports(read)


def in_a_signal_handler() -> None:
    signal.signal(signal.SIGUSR1, lambda *_: read())
    at_imports(lambda: signal.raise_signal(signal.SIGUSR1))


def in_a_finalizer() -> None:
    class Dying:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            read()

    def collect() -> None:
        Dying()
        gc.collect()

    at_imports(collect)


def in_a_trace_function() -> None:
    def trace(frame: Any, event: str, _: object) -> None:  # noqa: ANN401 - a frame
        if event == "call" and frame.f_code.co_name == "<module>":
            read()

    sys.settrace(trace)


def in_the_import_of_ctypes() -> None:
    at_imports(read, "_ctypes")
    importlib.import_module("ctypes")


def in_another_thread() -> None:
    thread = threading.Thread(target=read)
    at_imports(lambda: None if thread.ident else thread.start())
    started.append(thread)


globals()[sys.argv[1]]()
read()
for each in started:
    each.join()
sys.settrace(None)
first = dict(answers)
read()
print(json.dumps({"first": first, "then": answers["more than ten"]}))
