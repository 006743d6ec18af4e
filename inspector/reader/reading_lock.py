"""Whose turn it is to read through a target: one reading at a time, and nobody waits for himself.

Knows: that a reading runs Python code of the program's at many points, all but its pause:
signal handlers, finalizers, audit hooks, trace functions.  Such code may read, too, in the
thread whose reading it interrupts, and may hold a lock that this reading waits for.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from inspector.errors import Reentered

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ReadingLock"]

MAX_WAIT: Final = 1.0
"""Seconds to wait for another thread's reading, which may itself wait for the waiting one."""

MAX_NESTED: Final = 2
"""Readings of one thread inside each other: each of them may run the hook that began it, and
a third one would be the first of thousands."""


class ReadingLock:
    """The readings through one target that are under way."""

    def __init__(self) -> None:
        # Knows its owner: a signal handler may raise between its acquisition and a note of that.
        self._lock = threading.RLock()
        self._overdue = False
        """A thread has waited in vain: the next ones need not."""
        self._depths: dict[int, int] = {}
        """Thread -> its readings inside each other."""

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Yield whether what readings keep is this one's as long as the context lasts.

        It is not inside another reading of the same thread, nor where another thread's takes
        too long: then read with buffers of your own.  Raises :class:`Reentered` for a
        reading inside a reading that is inside one itself.
        """
        thread = threading.get_ident()
        depth = self._depths.get(thread, 0)
        if depth >= MAX_NESTED:
            raise Reentered(
                "this thread is reading already, and again inside of that",
                hint="what a reading calls (a signal handler, a finalizer, an audit hook, a "
                "trace function) may itself read, but not be called by that reading again",
            )
        # A signal handler may raise at the end of any call.  What is noted and given back here is
        # so by stores, which call nothing, and by the one call that is left.
        try:
            self._depths[thread] = depth + 1
            alone = not depth and self._lock.acquire(timeout=0 if self._overdue else MAX_WAIT)
            if alone:
                self._overdue = False
            yield alone
        finally:
            if depth:
                self._depths[thread] = depth
            else:
                del self._depths[thread]
                try:
                    self._lock.release()
                except RuntimeError:
                    self._overdue = True  # another thread has it, still
