"""Who counted what between two moments, collections and ended threads included.

A collection, and a thread that ends, move contributions into the header and
erase who made them.  A :class:`Ledger` reads the arrays right before that: from
the collector's callbacks, and as a thread's last act.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from inspector.checks.counts import Counts, moves, read
from inspector.checks.support import support
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from inspector.checks.subjects import Watched

__all__ = ["Farewell", "Ledger", "Move", "thread_labels"]


class Move(NamedTuple):
    """What the references to one type did since the ledger was opened."""

    header: int
    """Counted in the header by whoever did it; merged contributions are not in here."""
    contributions: dict[int, int]
    """Native thread id -> counted by that thread, merged since or not."""

    @property
    def total(self) -> int:
        """The whole change."""
        return self.header + sum(self.contributions.values())


class Ledger:
    """A context manager that follows the references to some types.

    With ``threads``, every thread that :mod:`threading` starts meanwhile is heard
    when it ends; its profile function is taken for its first event only.
    """

    def __init__(self, refs: Watched, *, threads: bool = False) -> None:
        self._refs = refs
        self._threads = threads and support().threads
        # The collector may run in a thread that holds this lock.
        self._lock = threading.RLock()
        self._merged: list[dict[int, int]] = [{} for _ in refs]
        self.collections = 0
        """Since the ledger was opened, or begun anew."""
        self.labels: dict[int, str] = {}
        """Native thread id -> ``name (native id)``, of all threads that were seen."""
        self._begin: Counts
        self._open = False
        self._previous: Any = None
        self._farewell = threading.local()

    def __enter__(self) -> Self:
        self._open = True
        self.labels.update(thread_labels())
        self.restart()
        if support().threads:
            gc.callbacks.append(self._collecting)
        if self._threads:
            self._previous = threading.getprofile()
            threading.setprofile(self._started)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        if support().threads:
            gc.callbacks.remove(self._collecting)
        if self._threads:
            threading.setprofile(self._previous)

    def restart(self) -> Counts:
        """Begin anew from now on, and return the counts of now."""
        with self._lock:
            for merged in self._merged:
                merged.clear()
            self.collections = 0
            self._begin = read(self._refs)
            return self._begin

    def moves(self) -> tuple[Counts, dict[int, Move]]:
        """Return the counts of now, and what each type that still lives did, by position.

        Left out are types of which neither total, header nor any contribution moved.
        """
        with self._lock:
            self.labels.update(thread_labels())
            now = read(self._refs)
            touched = {number for number, merged in enumerate(self._merged) if merged}
            touched.update(moves(self._begin, now))
            touched.update(number for number, _, _ in self._begin.contributed())
            touched.update(number for number, _, _ in now.contributed())
            found = {number: self._move(number, now) for number in sorted(touched)}
            return now, {number: move for number, move in found.items() if move is not None}

    def _move(self, number: int, now: Counts) -> Move | None:
        """Return what one type did until ``now``."""
        was, is_ = self._begin.at(number), now.at(number)
        if was is None or is_ is None:
            return None
        merged = self._merged[number]
        threads = was.contributions.keys() | is_.contributions.keys() | merged.keys()
        contributions = {
            native: change
            for native in sorted(threads)
            if (
                change := is_.contributions.get(native, 0)
                - was.contributions.get(native, 0)
                + merged.get(native, 0)
            )
        }
        return Move(is_.header - was.header - sum(merged.values()), contributions)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:  # noqa: ARG002 - gc's
        """Note every contribution that the collection is about to merge."""
        if phase == "start":
            self.collections += 1
            self._note(None)

    def _started(self, frame: FrameType, event: str, arg: object) -> None:  # noqa: ARG002 - sys's
        """Run at a new thread's first event: leave something that its end destroys."""
        sys.setprofile(self._previous)
        self.labels.update(thread_labels())
        self._farewell.last = Farewell(self.ended)

    def ended(self) -> None:
        """Note the contributions of the calling thread, which ends."""
        if self._open:
            self._note(threading.get_native_id())

    def _note(self, native: int | None) -> None:
        """Add what a thread (None: every thread) has contributed to what is merged."""
        with self._lock:
            self.labels.update(thread_labels())
            # Not exactly: the thread that collects may hold the lock that this takes.
            # An error would be shown as one of the collector or of the thread.
            with contextlib.suppress(InspectorError):
                for number, each, value in read(self._refs, exact=False).contributed():
                    if native in (None, each):
                        merged = self._merged[number]
                        merged[each] = merged.get(each, 0) + value


class Farewell:
    """Destroyed with a thread's own data, before CPython merges what it counted.

    Held by a :class:`threading.local`; ``ended`` is called in the thread that ends.
    """

    def __init__(self, ended: Callable[[], object]) -> None:
        self._ended = ended

    def __del__(self) -> None:
        self._ended()


def thread_labels() -> dict[int, str]:
    """Return native thread id -> ``name (native id)`` of the threads that live."""
    return {
        each.native_id: f"{each.name} ({each.native_id})"
        for each in threading.enumerate()
        if each.native_id is not None
    }
