"""Constructors that change their process, and between each two one that needs it as it was."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import decimal
import faulthandler
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

monitoring: Any = vars(sys)["monitoring"]
modules: dict[str, object] = vars(sys)["modules"]

DEPTH = 300
HERE = Path.cwd()
SLEEP = os.environ["POISON_SLEEP"]
"""Seconds, by which the test finds who sleeps."""


def refuse(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("poisoned")


def monitor() -> None:
    with contextlib.suppress(ValueError):
        monitoring.use_tool_id(3, "poison")
    monitoring.register_callback(3, monitoring.events.PY_START, refuse)
    monitoring.set_events(3, monitoring.events.PY_START)


def ring() -> None:
    signal.signal(signal.SIGALRM, refuse)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def break_collector() -> None:
    gc.disable()
    gc.collect = refuse
    gc.callbacks.append(refuse)


def break_arithmetic() -> None:
    decimal.getcontext().prec = 1
    decimal.DefaultContext.prec = 1


def break_threads() -> None:
    threading.settrace(refuse)
    threading.Thread.start = refuse  # type: ignore[method-assign]


def keep_threads() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def keep_processes() -> None:
    subprocess.Popen(["/bin/sleep", SLEEP], start_new_session=True)


def leave_session() -> None:
    with contextlib.suppress(PermissionError):
        os.setsid()


POISONS: list[Callable[[], object]] = [
    lambda: sys.setrecursionlimit(100),
    lambda: sys.addaudithook(refuse),
    lambda: sys.settrace(refuse),
    lambda: sys.setprofile(refuse),
    monitor,
    lambda: os.chdir("/"),
    lambda: os.umask(0o777),
    ring,
    lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    os.environ.clear,
    break_collector,
    lambda: warnings.simplefilter("error"),
    break_arithmetic,
    lambda: setattr(sys, "stdout", None),
    lambda: os.closerange(3, 100),
    keep_threads,
    break_threads,
    keep_processes,
    lambda: atexit.register(refuse),
    lambda: sys.setswitchinterval(1e-6),
    lambda: faulthandler.dump_traceback_later(0.001, exit=True),
    lambda: modules.update(threading=None, time=None),
    lambda: setattr(builtins, "len", refuse),
    lambda: setattr(json, "dumps", refuse),
    lambda: setattr(time, "perf_counter", refuse),
    limit_memory,
    limit_files,
    lambda: os.nice(5),
    os.fork,
    leave_session,
    lambda: os.killpg(0, signal.SIGTERM),
    lambda: os.kill(os.getppid(), signal.SIGKILL),
    lambda: setattr(json.JSONEncoder, "encode", refuse),
]


def break_the_next() -> None:
    vars(sys.modules[__name__])["TYPES"][-1].__init__ = lambda: None


POISONS.append(break_the_next)


def dive(depth: int) -> int:
    return depth and dive(depth - 1)


def state() -> dict[str, object]:
    """Return what a constructor finds in its process."""
    return {
        "collector": (gc.isenabled(), gc.get_threshold(), len(gc.callbacks) <= 1),
        "context": decimal.getcontext().prec,
        "descriptors": len(os.listdir("/proc/self/fd")) > 3,  # noqa: PTH208 - makes no garbage
        "directory": Path.cwd() == HERE,
        "environment": "PYTHONPATH" in os.environ,
        "filters": len(warnings.filters),
        "handlers": (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGUSR1)),
        "limits": (resource.getrlimit(resource.RLIMIT_AS), sys.getrecursionlimit()),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "quotient": Decimal(1) / 3,
        "stdout": type(sys.stdout),
        "switches": sys.getswitchinterval(),
        "threads": threading.active_count() <= 3,
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "tracing": (sys.gettrace(), sys.getprofile(), monitoring.get_tool(3)),
        "umask": Path("/proc/self/status").read_text().split("Umask:")[1].split()[0],
    }


AT_FIRST = state()


def check() -> None:
    """Raise what is not as it was, and use what it may have been taken from."""
    now = state()
    if wrong := {key: value for key, value in now.items() if value != AT_FIRST[key]}:
        raise RuntimeError(str(wrong))
    dive(DEPTH)
    json.dumps(len(sys.argv))


def add(number: int, name: str, action: Callable[[], object]) -> type:
    class Made:
        def __init__(self) -> None:
            action()

    Made.__qualname__ = f"{number:02}{name}"  # the audit goes by names
    return Made


TYPES = [
    made
    for number, poison in enumerate(POISONS)
    for made in (add(number, "Poison", poison), add(number, "Then", check))
]
