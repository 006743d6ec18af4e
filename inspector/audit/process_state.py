"""What a constructor can change in its process and what can be compared afterwards.

Objects are compared by identity, so that nothing of anybody's is called.  A function that
a constructor has replaced is a change as well.
"""

from __future__ import annotations

import contextvars
import faulthandler
import gc
import locale
import os
import resource
import signal
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

__all__ = ["is_unchanged", "list_attributes", "read_state"]

OWN_MODULES: Final = ("builtins", "gc", "json", "os", "signal", "sys", "threading", "time")
"""Modules that an exercise uses itself."""

STATUS_FIELDS: Final = (
    b"Umask:", b"Uid:", b"Gid:", b"Groups:", b"Threads:", b"NoNewPrivs:", b"Seccomp:",
    b"SigBlk:", b"SigIgn:", b"CapEff:",
)  # fmt: skip
"""Fields of ``/proc/self/status`` (``proc_pid_status(5)``)."""

LIMITS: Final = [value for name, value in vars(resource).items() if name.startswith("RLIMIT_")]

TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)

TOOLS: Final = range(6)
"""Tool ids of ``sys.monitoring``."""

ENDING_THREADS: Final = 20
"""Milliseconds in which a joined thread may still be listed by the kernel."""


def is_unchanged(before: dict[str, object]) -> bool:
    """Tell whether the state of this process is what :func:`read_state` returned before."""
    for _ in range(ENDING_THREADS):
        try:
            now = read_state()
        except BaseException:  # the state is such that it cannot be read
            return False
        differing = [key for key in before if now[key] != before[key]]
        if differing != ["status"]:
            return not differing
        time.sleep(0.001)
    return False


def read_state() -> dict[str, object]:
    """Return what can be compared of the state of this process, by what it is about."""
    # Asked for its context, decimal makes one, which is a value of a context variable.
    decimal = _read_decimal_contexts(sys.modules.get("decimal"))
    return {
        "attributes": [identify(vars(sys.modules[name]).values()) for name in OWN_MODULES],
        "children": _has_children(),
        "collector": (
            gc.isenabled(),
            gc.get_threshold(),
            gc.get_debug(),
            gc.get_freeze_count() > 0,
        ),
        "callbacks": identify(gc.callbacks),
        "contexts": [(id(key), id(value)) for key, value in contextvars.copy_context().items()],
        "decimal": decimal,
        "descriptors": _read_descriptors(),
        "directory": (Path.cwd(), Path("/proc/self/root").readlink()),
        "environment": dict(os.environ),
        "handlers": [id(signal.getsignal(number)) for number in range(1, signal.NSIG)],
        "imports": [identify(each) for each in (sys.meta_path, sys.path_hooks)],
        "limits": [resource.getrlimit(limit) for limit in LIMITS],
        "locale": (locale.setlocale(locale.LC_ALL), time.tzname),
        "modules": identify(sys.modules.values()),
        "path": list(sys.path),
        "scheduling": (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)),
        "session": (os.getsid(0), os.getpgid(0)),
        "settings": (
            sys.getrecursionlimit(),
            sys.getswitchinterval(),
            sys.get_int_max_str_digits(),
            faulthandler.is_enabled(),
            tracemalloc.is_tracing(),
        ),
        "status": _read_status(),
        "timers": [signal.getitimer(each)[1] for each in TIMERS],
        "tracing": identify(
            (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
        ),
        "tools": _read_tools(),
        "warnings": identify(warnings.filters),
    }


def identify(objects: Iterable[object]) -> list[int]:
    """Return the identities of objects."""
    return list(map(id, objects))


def list_attributes(subject: type) -> list[int]:
    """Return the identities of what a class and its bases define."""
    return [
        number
        for each in type.__dict__["__mro__"].__get__(subject)
        for number in identify(type.__dict__["__dict__"].__get__(each).values())
    ]


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _read_decimal_contexts(module: ModuleType | None) -> list[object]:
    """Return the settings of a thread's context and of the one that new threads get."""
    if module is None:
        return []
    return [
        (each.prec, each.rounding, each.Emin, each.Emax, list(each.traps.values()))
        for each in (module.getcontext(), module.DefaultContext)
    ]


def _read_descriptors() -> list[tuple[str, Path | None]]:
    """Return the open files: their numbers, and what they are."""
    return [(each.name, _read_link(each)) for each in Path("/proc/self/fd").iterdir()]


def _read_link(path: Path) -> Path | None:
    try:
        return path.readlink()
    except FileNotFoundError:  # what lists the others
        return None


def _read_status() -> list[bytes]:
    lines = Path("/proc/self/status").read_bytes().splitlines()
    return [line for line in lines if line.startswith(STATUS_FIELDS)]


def _read_tools() -> list[object]:
    """Return the tools of ``sys.monitoring``, and which events they hear."""
    monitoring: Any = vars(sys).get("monitoring")
    if monitoring is None:  # older than 3.12
        return []
    names = [(each, monitoring.get_tool(each)) for each in TOOLS]
    return [(each, name, monitoring.get_events(each)) for each, name in names if name is not None]
