"""Headers sampled in a thread of its own, between two readings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from inspector.errors import InspectorError
from inspector.reader.header_sampler import RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.reader.header_sampler import HeaderSampler
    from inspector.snapshots.header_samples import HeaderSamples
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["SHARE", "Background"]

SHARE: Final = 0.08
"""Share of one core that sampling takes, at most."""

SLICE: Final = 0.1
"""Seconds of sampling until the thread checks whether it should end."""


class Background:
    """Samples another process from its first reading on, until :meth:`close`.

    It cannot sample its own process: its thread would change the headers there.
    """

    def __init__(self, make: Callable[[Snapshot], HeaderSampler], share: float = SHARE) -> None:
        """Keep ``make``, which returns a sampler of the objects of a snapshot."""
        self._make = make
        self._share = share
        # Held during each sample, and waited for while there is nothing to sample.
        self._turn = threading.Condition()
        self._sampler: HeaderSampler | None = None
        self._objects: object = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def renew(self, snapshot: Snapshot) -> HeaderSamples | None:
        """Return the samples since the last call; go on with the objects of a new snapshot.

        None on the first call, and after one whose objects could not be sampled.
        """
        objects = (
            snapshot.column("address"),
            [thread.native_id for thread in snapshot.threads],
        )
        with self._turn:
            before = self._sampler
            sampled = None if before is None else before.take()
            if before is None or objects != self._objects:
                self._objects = objects
                try:
                    self._sampler = self._make(snapshot)
                except InspectorError:
                    # If the process has ended, the next reading raises the error.
                    self._sampler = None
                self._turn.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
            self._thread.start()
        return sampled

    def close(self) -> None:
        """End the thread."""
        with self._turn:
            self._closed = True
            self._turn.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or self._sampler is not None)
                sampler = self._sampler
            try:
                if sampler is not None:
                    sampler.run(SLICE, RATE, self._share, self._turn)
            except InspectorError:
                with self._turn:
                    if self._sampler is sampler:
                        self._sampler = None
