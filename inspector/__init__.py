"""True type refcounts of free-threaded CPython, read from the raw words.

>>> import inspector                                      # doctest: +SKIP
>>> inspector.refcount(MyType).total                      # doctest: +SKIP
12
>>> before = inspector.snapshot()                         # doctest: +SKIP
>>> before["collections.deque"].contributions             # doctest: +SKIP
{4242: 57}

Importing this package loads nothing but itself and its errors; its names load what they need,
from the standard library only.

PYTEST_DONT_REWRITE: whoever imports it before pytest must not be warned of that.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from importlib import import_module
from typing import TYPE_CHECKING

from inspector.errors import Reentered

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from inspector.errors import (
        AccessDenied,
        AmbiguousName,
        InspectorError,
        LayoutError,
        MemoryFault,
        NoSuchObject,
        NoSuchTarget,
        NotAType,
        NotCounted,
        NotFreeThreaded,
        NotPython,
        TargetChanged,
        TargetError,
        Unsettled,
        UnsupportedVersion,
    )
    from inspector.reader.target import Target
    from inspector.snapshots.snapshot import (
        InterpreterCount,
        ObjectCount,
        PoolCount,
        PoolLife,
        Snapshot,
        TargetInfo,
        ThreadCount,
    )

__all__ = [
    "AccessDenied",
    "AmbiguousName",
    "InspectorError",
    "InterpreterCount",
    "LayoutError",
    "MemoryFault",
    "NoSuchObject",
    "NoSuchTarget",
    "NotAType",
    "NotCounted",
    "NotFreeThreaded",
    "NotPython",
    "ObjectCount",
    "PoolCount",
    "PoolLife",
    "Reentered",
    "Snapshot",
    "Target",
    "TargetChanged",
    "TargetError",
    "TargetInfo",
    "ThreadCount",
    "Unsettled",
    "UnsupportedVersion",
    "attach",
    "dashboard",
    "refcount",
    "snapshot",
]

__version__ = "0.1.0"

_own: Target | None = None

_loading: dict[tuple[int, int], int] = {}
_attaching: dict[tuple[int, int], int] = {}
"""(process, thread) -> how deep it is in the middle of it: a signal handler, a finalizer, a hook
or a trace function that runs there may ask for the very same thing.  A forked child has none of
its parent's other threads, but may give a new one the identifier of one of them."""

if not TYPE_CHECKING:  # type checkers see the imports above, and other names are wrong

    def __getattr__(name: str) -> object:
        """Import what is shown here when it is first asked for: pytest loads this in every run."""
        for module in ("errors", "snapshots.snapshot", "reader.target") if name in __all__ else ():
            room = sys.modules.get(f"inspector.{module}")
            # What is there needs no import, for which this may be no moment: an error's class.
            if not hasattr(room, name):
                _load_module(module)
                room = sys.modules[f"inspector.{module}"]
            if hasattr(room, name):
                return globals().setdefault(name, getattr(room, name))
        raise AttributeError(f"module 'inspector' has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Return what is shown here, imported or not."""
        return sorted({*globals(), *__all__})


def attach(pid: int | None = None, *, pause_limit: float = 1.0) -> Target:
    """Attach to a process, by default the current one.

    Another process runs on meanwhile; one that moves too fast to be understood is
    stopped, never longer than ``pause_limit`` seconds at a time, and not if that is 0.

    Raises :class:`NoSuchTarget`, :class:`AccessDenied`, :class:`NotPython`,
    :class:`NotFreeThreaded`, :class:`UnsupportedVersion`,
    or :class:`LayoutError` when CPython's structures could not be made out.
    """
    global _own  # noqa: PLW0603 - one attachment per process, found again after a fork
    own = pid is None or pid == os.getpid()
    if own and _own is not None and _own.pid == os.getpid():
        return _own
    thread = os.getpid(), get_ident()
    depth = _attaching.get(thread, 0)
    if depth >= 2:  # noqa: PLR2004 - once, and once inside of that
        raise _make_reentry_error("attaching to a process")
    try:
        # Stores call nothing, so no signal handler that raises comes between one and its try.
        _attaching[thread] = depth + 1
        _load_module("reader.target")
        from inspector.reader.target import Target

        if not own:
            from inspector.process.other import OtherProcess

            return Target(OtherProcess(pid or 0), pause_limit)
        from inspector.process.own import OwnProcess

        # A fork has copied all that was found out: structures stay where they are.
        _own = Target(OwnProcess(), layout=None if _own is None else _own.layout)
        return _own
    finally:
        _attaching[thread] = depth


def _load_module(module: str) -> None:
    """Import a module of this package, whose names are then to be had.

    Raises :class:`InspectorError` where that, or what it needs, is half imported by the
    very code that this interrupts: Python gives one thread such modules as they are.
    """
    thread = os.getpid(), get_ident()
    if _loading.get(thread):
        raise _make_reentry_error("loading inspector")
    try:
        _loading[thread] = 1
        import_module(f"inspector.{module}")
    except (AttributeError, ImportError) as failure:
        if "partially initialized" not in str(failure):
            raise
        raise _make_reentry_error("importing what inspector needs") from failure
    finally:
        _loading[thread] = 0


def _make_reentry_error(doing: str) -> Reentered:
    """Return the error for what asks in the middle of its own answer."""
    message = f"this thread is {doing}, and was interrupted to ask for a reading"
    return Reentered(
        message,
        hint="a signal handler, a finalizer, a hook or a trace function can read once that is "
        "done: call inspector.attach() before there is any",
    )


def snapshot(*, kinds: Collection[str] = ("type",), unlisted: bool = True) -> Snapshot:
    """Read the current process; see :meth:`Target.snapshot`."""
    return attach().snapshot(kinds=kinds, unlisted=unlisted)


def refcount(subject: type) -> ObjectCount:
    """Read one type of the current process; see :meth:`Target.refcount`."""
    return attach().refcount(subject)


def dashboard(
    *, sort: str = "total", threads: bool = False, interval: float = 1.0, output: str | None = None
) -> AbstractContextManager[object]:
    """Return a context in which a dashboard of the current process has the terminal.

    It is a process of its own, which reads this one from outside: what it does is not among
    the numbers.  What the program writes goes to a pane of it, or to the file ``output``, and
    ``input()`` finds the end of its input.  ``interval`` is in
    seconds; ``threads`` begins with a column per thread.  At the end of the context the
    last view stays until somebody presses q.  Without a terminal nothing is shown.

    Raises, when the context begins, what :func:`attach` raises in another process.
    """
    from inspector.launch.board_options import BoardOptions
    from inspector.launch.live import Board

    options = BoardOptions(sort=sort, threads=threads, interval=interval)
    return Board(options.dumps(), output)
