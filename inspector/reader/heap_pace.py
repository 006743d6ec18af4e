"""Readings of which some have the heap: as often as that costs little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from inspector.reader.heap_target import HeapTarget
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["LEAST_SECONDS", "SMALL_SHARE", "HeapPace"]

LEAST_SECONDS: Final = 2.0
"""From one reading of the heap to the next, for who watches a process."""

SMALL_SHARE: Final = 0.05
"""Of a processor that these take at most, beside all that a dashboard does."""

AFTER_FAILURE: Final = 10.0
"""Seconds after which a heap that could not be read is tried again."""

SHARE: Final = 0.1
"""Of a processor that readings of the heap take at most."""


class HeapPace:
    """Adds the heap to readings of a process, at most every ``least`` seconds."""

    def __init__(
        self,
        target: HeapTarget,
        *,
        blocking: bool,
        pause_limit: float,
        least: float = 0.0,
        share: float = SHARE,
    ) -> None:
        self._target = target
        self._blocking = blocking
        self._pause_limit = pause_limit
        self._least = least
        self._share = share
        self._due = 0.0

    def add_heap(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot with the heap, if it is time to read it again."""
        now = time.monotonic()
        if now < self._due:
            return snapshot
        begin = time.thread_time()
        found = self._target.add_heap(
            snapshot, blocking=self._blocking, pause_limit=self._pause_limit
        )
        rest = max(self._least, (time.thread_time() - begin) / self._share)
        self._due = now + (rest if found.heap is not None else max(rest, AFTER_FAILURE))
        return found
