"""What threads counted in a whole run, merged since or not.

A collection, and a thread that ends, move contributions into headers and erase them.
Right before that the arrays are read: from the collector's callbacks, and as a thread's
last act.  Kept are sums by address, which hold for as long as a type lives; only a
collection can free one, and those that it freed are forgotten after it.

Does not know of threads that :mod:`threading` did not start.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import inspector
from inspector.census.totals import SlotReader, places, slot
from inspector.checks.ledger import Farewell
from inspector.cpython.refcount import HEADER_SIZE, count
from inspector.cpython.words import differing, unsigned
from inspector.errors import InspectorError
from inspector.process.memory import ProcessMemory
from inspector.process.world import OwnWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import FrameType

__all__ = ["Brackets"]


class Brackets:
    """Sums of contributions from :meth:`begin` to :meth:`end`."""

    def __init__(self, forget: Callable[[Container[int]], object]) -> None:
        """Prepare; ``forget`` hears of the objects that are left after some were freed."""
        self._forget = forget
        self.merged: dict[int, int] = {}
        """Address -> what was merged of it."""
        self.collections = self.ended = self.missed = 0
        """Merges, and those of them that could not be read."""
        self._pid = os.getpid()
        self._memory = ProcessMemory()
        self._reader = SlotReader(self._memory, inspector.attach().layout, OwnWorld().interpreter)
        # The collector may run in a thread that holds this lock.
        self._lock = threading.RLock()
        self._local = threading.local()
        self._table = b""
        self._previous: Any = None
        self._open = False

    def begin(self) -> None:
        """Begin to listen."""
        self._open = True
        gc.callbacks.append(self._collecting)
        self._previous = threading.getprofile()
        threading.setprofile(self._started)

    def end(self) -> None:
        """Listen no more."""
        self._open = False
        if self._collecting in gc.callbacks:
            gc.callbacks.remove(self._collecting)
        if threading.getprofile() == self._started:
            threading.setprofile(self._previous)

    def here(self, address: int) -> tuple[int, int]:
        """Return what was counted so far: in the header, and by threads, merges told apart.

        Raises :class:`InspectorError` for an object that cannot be read.
        """
        with self._lock:
            header = count(self._memory.read(address, HEADER_SIZE)).net or 0
            table, arrays, _ = self._reader.read()[0]
            (place,) = places(table, [address])
            mine = sum(slot(array, place) for array in arrays.values())
            merged = self.merged.get(address, 0)
            return header - merged, mine + merged

    def note(self, native: int | None) -> None:
        """Add what a thread (None: every thread) has contributed to what is merged."""
        with self._lock:
            try:
                table, arrays, _ = self._reader.read()[0]
            except InspectorError:
                self.missed += 1
                return
            self._table = table
            addresses = unsigned(table)
            for (_, each), array in arrays.items():
                if native in (None, each):
                    for place in differing(b"", array):
                        address = addresses[place]
                        self.merged[address] = self.merged.get(address, 0) + slot(array, place)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:  # noqa: ARG002 - gc's
        if os.getpid() != self._pid:
            return
        if phase == "start":
            self.collections += 1
            self.note(None)
        else:
            self.forget()

    def forget(self) -> None:
        """Forget objects that are in the pool no more: another one may take their place."""
        with self._lock:
            try:
                table = self._reader.read()[0][0]
            except InspectorError:
                return
            if table != self._table:
                there = set(unsigned(table))
                self.merged = {at: each for at, each in self.merged.items() if at in there}
                self._forget(there)

    def _started(self, frame: FrameType, event: str, arg: object) -> None:  # noqa: ARG002 - sys's
        """Run at a new thread's first event: leave something that its end destroys."""
        sys.setprofile(self._previous)
        self._local.last = Farewell(self._ended)

    def _ended(self) -> None:
        if self._open and os.getpid() == self._pid:
            self.ended += 1
            self.note(threading.get_native_id())
