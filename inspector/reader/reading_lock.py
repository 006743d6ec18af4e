"""Allows one reading of a target at a time, without deadlocks.

Except in its pause, a reading can run Python code of the program at any point: signal
handlers, finalizers, audit hooks, trace functions.  That code may itself read, in the thread
whose reading it interrupts, or hold a lock that this reading waits for.
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
"""Seconds to wait for another thread's reading, which may itself wait for this thread."""

MAX_NESTED: Final = 2
"""Nested readings of one thread.  A hook that reads is called by its own reading, and would
start thousands of nested ones."""


class ReadingLock:
    """The current readings of one target."""

    def __init__(self) -> None:
        # Knows its owner: a signal handler may raise between its acquisition and a note of that.
        self._lock = threading.RLock()
        self._overdue = False
        """A thread has waited in vain; the next ones do not wait."""
        self._depths: dict[int, int] = {}
        """Thread -> number of its nested readings."""

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Yield whether the shared state of readings may be used in the context.

        It may not inside another reading of the same thread, or while another thread's takes
        longer than :data:`MAX_WAIT`; then the reading needs buffers of its own.  Raises
        :class:`Reentered` inside more than one other reading.
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
