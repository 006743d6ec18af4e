"""Contributions of threads that were merged into headers.

A collection, and the end of a thread, move contributions into headers and erase which thread
made them.  The arrays are read right before: in the collector's callbacks, and in the last
code that a thread runs.

Misses the ends of threads that :mod:`threading` did not start.

A collection and the end of a thread come in any thread, which may hold locks of the program.
The thread that holds the lock of a :class:`Merges` may wait for those, in an audit hook for
example.  The callbacks therefore wait for a short time only.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import inspector
from inspector.checks.support import find_support
from inspector.cpython.refcount import HEADER_SIZE, decode_count
from inspector.cpython.words import decode_unsigned, find_differing
from inspector.errors import InspectorError
from inspector.process.memory import ProcessMemory
from inspector.process.own_world import OwnWorld
from inspector.reader.contributions import find_slots, read_slot
from inspector.reader.slots import SlotReader, key_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import FrameType

    from inspector.reader.slots import Arrays

__all__ = ["Merges"]

MAX_WAIT: Final = 1.0
"""Seconds that a callback waits for the lock, whose owner may wait for the callback's thread."""


class Merges:
    """Contributions that merges moved into headers, from :meth:`begin` to :meth:`end`.

    Kept by address, which names an object for as long as it lives: only a collection can
    free one, and those that it freed are forgotten after it.
    """

    def __init__(
        self,
        wanted: Container[int] | None = None,
        *,
        threads: bool = True,
        on_merge: Callable[[], object] | None = None,
        on_free: Callable[[Container[int]], object] | None = None,
    ) -> None:
        """Follow objects at the ``wanted`` addresses, by default all that have a unique id.

        ``threads`` listens to the ends of threads, too: the profile function of each new
        one is taken for its first event.  ``on_merge`` is called before each merge and at
        each start of a thread, ``on_free`` with the addresses that are left once some
        were freed.
        """
        self._wanted = wanted
        self._threads = threads
        self._on_merge = on_merge
        self._on_free = on_free
        self.merged: dict[int, dict[int, int]] = {}
        """Address -> native thread id -> what was merged of it."""
        self.used: dict[int, int] = {}
        """Address -> steps in which any thread's contribution moved.  A step ends with each
        merge, start of a thread and :meth:`look`."""
        self.together: dict[int, int] = {}
        """Address -> most threads whose contribution moved within one step."""
        self.threads = 0
        """Most threads that there were at the end of a step."""
        self.collections = self.ended = self.missed = 0
        """Merges, and those of them that could not be read."""
        self.unlocked = 0
        """Callbacks that could not wait for the lock: what they were to note is unknown."""
        self._pid = os.getpid()
        self._memory = ProcessMemory()
        self._reader: SlotReader | None = None
        """None where nothing is counted per thread: merges are counted all the same."""
        if find_support().threads:
            layout = inspector.attach().layout
            self._reader = SlotReader(self._memory, layout, OwnWorld().interpreter)
        # The collector may run in a thread that holds this lock.
        self.lock = threading.RLock()
        self._overdue = False
        """A callback has waited in vain; the next ones do not wait."""
        self._local = threading.local()
        self._table = b""
        self._last: Arrays = {}
        """The arrays at the end of the step before; a merge has emptied those left out."""
        self._previous: Any = None
        self.is_open = False

    def begin(self) -> None:
        """Begin to listen."""
        self.restart()
        self.is_open = True
        gc.callbacks.append(self._collecting)
        if self._threads:
            self._previous = threading.getprofile()
            threading.setprofile(self._started)

    def end(self) -> None:
        """Listen no more."""
        self.is_open = False
        if self._collecting in gc.callbacks:
            gc.callbacks.remove(self._collecting)
        if self._threads and threading.getprofile() == self._started:
            threading.setprofile(self.find_hook())

    def find_hook(self) -> Callable[..., object] | None:
        """Return the profile function from before; not that of another one that has ended."""
        owner = getattr(self._previous, "__self__", None)
        if isinstance(owner, Merges) and not owner.is_open:
            return owner.find_hook()
        hook: Callable[..., object] | None = self._previous
        return hook

    def restart(self) -> None:
        """Forget what was merged and used so far."""
        with self.lock:
            for by_address in (self.merged, self.used, self.together):
                by_address.clear()
            self.threads = self.collections = self.ended = self.missed = self.unlocked = 0
            self.look()
            self.used.clear()
            self.together.clear()

    def count(self, address: int) -> tuple[int, int]:
        """Return what was counted so far: in the header, and by threads, merges told apart.

        Raises :class:`InspectorError` for an object that cannot be read.
        """
        with self.lock:
            header = decode_count(self._memory.read(address, HEADER_SIZE)).net or 0
            table, arrays = self._read()
            (place,) = find_slots(table, [address])
            threads = sum(read_slot(array, place) for array in arrays.values())
            merged = sum(self.merged.get(address, {}).values())
            return header - merged, threads + merged

    def _read(self) -> tuple[bytes, Arrays]:
        """Return the pool's table and the threads' arrays."""
        if self._reader is None:
            return b"", {}
        reading = self._reader.read()
        return reading.table_words, key_arrays(reading)

    def look(self) -> Arrays | None:
        """End a step: note which threads' contributions moved in it.

        Returns the arrays, or None if they could not be read.
        """
        with self.lock:
            try:
                table, arrays = self._read()
            except InspectorError:
                # An error would be shown as one of the collector or of the thread.
                return None
            self._table = table
            self.threads = max(self.threads, len(arrays))
            addresses = decode_unsigned(table)
            moved: dict[int, int] = {}
            for key, array in arrays.items():
                for place in find_differing(self._last.get(key, b""), array):
                    moved[place] = moved.get(place, 0) + 1
            for place, number in moved.items():
                address = addresses[place]
                if self._wanted is None or address in self._wanted:
                    self.used[address] = self.used.get(address, 0) + 1
                    self.together[address] = max(number, self.together.get(address, 0))
            self._last = arrays
            return arrays

    def note(self, native: int | None) -> None:
        """Add what a thread (None: every thread) has contributed to what is merged."""
        with self.lock:
            arrays = self.look()
            if arrays is None:
                self.missed += 1
                return
            addresses = decode_unsigned(self._table)
            self._last = {}
            for (interpreter, owner), array in arrays.items():
                if native not in (None, owner):
                    self._last[interpreter, owner] = array
                    continue
                for place in find_differing(b"", array):
                    address = addresses[place]
                    if self._wanted is None or address in self._wanted:
                        merged = self.merged.setdefault(address, {})
                        merged[owner] = merged.get(owner, 0) + read_slot(array, place)

    def copy_merged(self) -> dict[int, dict[int, int]]:
        """Return a copy of :attr:`merged`; to be called with the lock."""
        return {address: dict(by_thread) for address, by_thread in self.merged.items()}

    def forget(self) -> None:
        """Forget objects that are in the pool no more: another one may take their place."""
        with self.lock:
            try:
                table, _ = self._read()
            except InspectorError:
                return
            if table != self._table:
                there = set(decode_unsigned(table))
                for by_address in (self.merged, self.used, self.together):
                    for address in by_address.keys() - there:
                        del by_address[address]
                if self._on_free is not None:
                    self._on_free(there)

    def _collecting(self, phase: str, _info: dict[str, int]) -> None:
        if os.getpid() != self._pid:
            return
        if phase == "stop":
            self._do_locked(self.forget)
            return
        self._tell()
        if not self._do_locked(self._note_collection):
            self.collections += 1

    def _note_collection(self) -> None:
        self.collections += 1
        self.note(None)

    def _started(self, _frame: FrameType, _event: str, _arg: object) -> None:
        """Run at a new thread's first event: leave something that its end destroys."""
        sys.setprofile(self._previous)
        self._tell()
        if self.is_open and os.getpid() == self._pid:
            self._do_locked(self.look)
        self._local.last = _ThreadEnd(self._ending)

    def _ending(self) -> None:
        """Note the contributions of the calling thread, which ends."""
        if self.is_open and os.getpid() == self._pid:
            self._tell()
            if not self._do_locked(self._note_end):
                self.ended += 1

    def _note_end(self) -> None:
        self.ended += 1
        self.note(threading.get_native_id())

    def _do_locked(self, action: Callable[[], object]) -> bool:
        """Do what a callback has to do with the lock; tell whether it was to be had in time."""
        if not self.lock.acquire(timeout=0 if self._overdue else MAX_WAIT):
            self._overdue = True
            self.unlocked += 1
            return False
        self._overdue = False
        try:
            action()
        finally:
            self.lock.release()
        return True

    def _tell(self) -> None:
        """Call who wants to hear of merges; not with the lock, for that may take others."""
        if self._on_merge is not None:
            self._on_merge()


class _ThreadEnd:
    """Destroyed with a thread's own data, before CPython merges what it counted.

    Held by a :class:`threading.local`; ``end`` is called in the thread that ends.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end

    def __del__(self) -> None:
        self._end()
