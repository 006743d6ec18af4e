"""The types that a program calls, from the interpreter's own events (``sys.monitoring``).

Instances that one thread makes and frees leave no trace in any count: a call of the type
shows that it was used.  A call site that calls something else than a type is disabled; one
that calls types stays enabled, which slows it down a little.
"""

from __future__ import annotations

import sys
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from inspector.checks.watched_types import is_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

__all__ = ["CalledTypes"]

_monitoring: Any = getattr(sys, "monitoring", None)
"""New in 3.12; every Python that can be inspected has it."""

OURS: Final = str(Path(__file__).parent.parent)
"""Calls from files below this directory are inspector's, not the program's."""

PATIENCE: Final = 0.5
"""Most seconds that a thread waits while another one reports a type: a finalizer in that
thread may wait for a lock that this one holds."""

TOOLS: Final = (4, 3, 5, 1)
"""Ids that a tool may have: those without a meaning first, never a debugger's or profiler's."""


class CalledTypes:
    """The types that were called, from :meth:`begin` to :meth:`end`.

    ``first`` is called with each type before its first call goes on, and before any other
    thread's call of it does.
    """

    def __init__(self, first: Callable[[type], object]) -> None:
        self.seen: dict[int, weakref.ReferenceType[type]] = {}
        """By address; another class may have taken the place of one that is gone."""
        self._first = first
        self._telling: dict[int, Any] = {}
        """Address of a type that is being told of -> what others wait for."""
        self._tool = -1

    def begin(self) -> None:
        """Begin to listen; where all ids are taken nothing is heard."""
        for tool in TOOLS:
            if _monitoring.get_tool(tool) is None:
                _monitoring.use_tool_id(tool, "inspector")
                _monitoring.register_callback(tool, _monitoring.events.CALL, self._called)
                _monitoring.set_events(tool, _monitoring.events.CALL)
                self._tool = tool
                return

    def end(self) -> None:
        """Listen no more."""
        if self._tool >= 0 and _monitoring.get_tool(self._tool) == "inspector":
            _monitoring.set_events(self._tool, 0)
            _monitoring.free_tool_id(self._tool)
        self._tool = -1

    def _called(self, code: CodeType, _offset: int, called: object, _first: object) -> object:
        if not is_type(called):
            return _monitoring.DISABLE
        known = self.seen.get(id(called))
        if known is None or known() is not called:
            if code.co_filename.startswith(OURS):
                return _monitoring.DISABLE
            self._meet(called)
        return None

    def _meet(self, called: type) -> None:
        """Tell of a type, unless another thread has done so by now."""
        lock = self._telling.setdefault(id(called), threading.RLock())
        held = lock.acquire(timeout=PATIENCE)
        try:
            known = self.seen.get(id(called))
            if known is None or known() is not called:
                self._first(called)
                self.seen[id(called)] = weakref.ref(called)
        finally:
            self._telling.pop(id(called), None)
            if held:
                lock.release()
