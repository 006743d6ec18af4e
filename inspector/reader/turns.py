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

__all__ = ["Turns"]

PATIENCE: Final = 1.0
"""Seconds to wait for another thread's reading, which may itself wait for the waiting one."""

MOST: Final = 2
"""Readings of one thread inside each other: each of them may run the hook that began it, and
a third one would be the first of thousands."""


class Turns:
    """The readings through one target that are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
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
        if depth >= MOST:
            raise Reentered(
                "this thread is reading already, and again inside of that",
                hint="what a reading calls (a signal handler, a finalizer, an audit hook, a "
                "trace function) may itself read, but not be called by that reading again",
            )
        alone = False
        try:
            self._depths[thread] = depth + 1
            alone = not depth and self._lock.acquire(timeout=PATIENCE)
            yield alone
        finally:
            if alone:
                self._lock.release()
            if depth:
                self._depths[thread] = depth
            else:
                self._depths.pop(thread, None)
