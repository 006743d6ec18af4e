"""Who counted what of some types between two moments, collections and ended threads included.

Adds what stands in headers and arrays to what :mod:`inspector.checks.merges` saw merged.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, Self

from inspector.checks.counts import Counts, find_changes, read_counts
from inspector.checks.merges import Merges

if TYPE_CHECKING:
    from types import TracebackType

    from inspector.checks.counts import TypeCount
    from inspector.checks.watched_types import WatchedTypes

__all__ = ["CountChange", "Tracker", "thread_labels"]


class CountChange(NamedTuple):
    """What the references to one type did since a tracker was begun anew."""

    header: int
    """Counted in the header by whoever did it; merged contributions are not in here."""
    contributions: dict[int, int]
    """Native thread id -> counted by that thread, merged since or not."""
    together: int = 1
    """Most of these threads that counted side by side: all, or once one has ended, those
    that did so between two merges or starts of a thread."""

    @property
    def total(self) -> int:
        """The whole change."""
        return self.header + sum(self.contributions.values())


class Tracker:
    """A context manager that follows the references to some types.

    With ``threads``, every thread that :mod:`threading` starts meanwhile is heard when it
    ends.
    """

    def __init__(self, refs: WatchedTypes, *, threads: bool = False) -> None:
        self._refs = refs
        self.labels: dict[int, str] = {}
        """Native thread id -> ``name (native id)``, of all threads that were seen."""
        wanted = {id(subject) for subject in refs.alive() if subject is not None}
        self._merges = Merges(wanted, threads=threads, on_merge=self._label)
        self._begin: Counts

    def __enter__(self) -> Self:
        self._merges.begin()
        self.restart()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._merges.end()

    @property
    def collections(self) -> int:
        """Collections since the tracker was begun, or begun anew."""
        return self._merges.collections

    @property
    def ended_threads(self) -> int:
        """Threads that were heard to end since then."""
        return self._merges.ended

    def restart(self) -> Counts:
        """Begin anew from now on, and return the counts of now."""
        self._begin, _ = self._read(anew=True)
        return self._begin

    def moves(self) -> tuple[Counts, dict[int, CountChange]]:
        """Return the counts of now, and what each type that still lives did, by position.

        Left out are types of which neither total, header nor any contribution moved.
        """
        now, merged = self._read()
        touched = set(find_changes(self._begin, now))
        touched.update(number for number, _, _ in self._begin.contributed())
        touched.update(number for number, _, _ in now.contributed())
        found: dict[int, CountChange] = {}
        for number, subject in enumerate(self._refs.alive()):
            if subject is not None and (number in touched or id(subject) in merged):
                was, is_ = self._begin.at(number), now.at(number)
                if was is not None and is_ is not None:
                    move = _subtract_counts(was, is_, merged.get(id(subject), {}))
                    together = len(move.contributions)
                    if self.ended_threads:
                        together = self._merges.together.get(id(subject), 1)
                    found[number] = move._replace(together=together)
        return now, found

    def name_threads(self, move: CountChange | None) -> dict[str, int]:
        """Return the contributions by ``name (native id)``; none without a move."""
        return {
            self.labels.get(native, f"thread {native}"): count
            for native, count in ({} if move is None else move.contributions).items()
        }

    def _read(self, *, anew: bool = False) -> tuple[Counts, dict[int, dict[int, int]]]:
        """Return the counts of now with what was merged until then, by address and thread.

        Read again if this thread collects meanwhile; others wait.
        """
        self._label()
        merges = self._merges
        with merges.lock:
            while True:
                if anew:
                    merges.restart()
                before = merges.collections
                found = (
                    read_counts(self._refs),
                    {at: dict(each) for at, each in merges.merged.items()},
                )
                if merges.collections == before:
                    merges.look()
                    return found

    def _label(self) -> None:
        self.labels.update(thread_labels())


def _subtract_counts(was: TypeCount, is_: TypeCount, merged: dict[int, int]) -> CountChange:
    """Return what one type did between two counts, given what was merged in between."""
    contributions: dict[int, int] = {}
    for native in sorted(was.contributions.keys() | is_.contributions.keys() | merged.keys()):
        change = is_.contributions.get(native, 0) - was.contributions.get(native, 0)
        change += merged.get(native, 0)
        if change:
            contributions[native] = change
    return CountChange(is_.header - was.header - sum(merged.values()), contributions)


def thread_labels() -> dict[int, str]:
    """Return native thread id -> ``name (native id)`` of the threads that live."""
    return {
        each.native_id: f"{each.name} ({each.native_id})"
        for each in threading.enumerate()
        if each.native_id is not None
    }
