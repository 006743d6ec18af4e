"""Which thread counted how many references to some types between two moments.

Adds up headers, arrays, and the contributions that collections and ended threads merged
meanwhile (:mod:`inspector.checks.merges`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, Self

from inspector.checks.counts import Counts, find_changes, read_counts
from inspector.checks.merges import Merges
from inspector.checks.turns import Reading
from inspector.errors import Unsettled

if TYPE_CHECKING:
    from types import TracebackType

    from inspector.checks.counts import TypeCount
    from inspector.checks.watched_types import WatchedTypes

__all__ = ["CountChange", "Tracker", "thread_labels"]


class CountChange(NamedTuple):
    """How the references to one type changed since a tracker was restarted."""

    header: int
    """Signed references counted in the header, merged contributions left out."""
    contributions: dict[int, int]
    """Native thread id -> signed references that this thread counted, merged since or not."""
    together: int = 1
    """Most threads that counted at the same time: all of them or, once a thread has ended,
    those that counted between two merges or starts of a thread."""

    @property
    def total(self) -> int:
        """The whole change."""
        return self.header + sum(self.contributions.values())


class Tracker:
    """A context manager that follows the references to some types.

    With ``threads`` it also reads what each thread that :mod:`threading` starts meanwhile
    has counted when it ends.
    """

    def __init__(self, refs: WatchedTypes, *, threads: bool = False) -> None:
        self._refs = refs
        self.labels: dict[int, str] = {}
        """Native thread id -> ``name (native id)`` of every thread seen so far."""
        # The address of None, which stands for a type that died, is in no pool.
        wanted = {id(subject) for subject in refs.alive()}
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
        """Collections since the last restart."""
        return self._merges.collections

    @property
    def ended_threads(self) -> int:
        """Threads that ended since the last restart."""
        return self._merges.ended

    def restart(self) -> Counts:
        """Count changes from now on; return the counts of now."""
        self._begin, _ = self._read(restart=True)
        return self._begin

    def read_changes(self) -> tuple[Counts, dict[int, CountChange]]:
        """Return the counts of now, and position -> change of each type that still lives.

        Types of which neither total, header nor any contribution changed are left out.
        """
        now, merged = self._read()
        touched = set(find_changes(self._begin, now))
        for counts in (self._begin, now):
            touched.update(number for number, _, _ in counts.contributed())
        found: dict[int, CountChange] = {}
        for number, subject in enumerate(self._refs.alive()):
            if subject is not None and (number in touched or id(subject) in merged):
                first, last = self._begin.at(number), now.at(number)
                if first is not None and last is not None:
                    change = _subtract_counts(first, last, merged.get(id(subject), {}))
                    together = len(change.contributions)
                    if self.ended_threads:
                        together = self._merges.together.get(id(subject), 1)
                    found[number] = change._replace(together=together)
        return now, found

    def name_threads(self, change: CountChange | None) -> dict[str, int]:
        """Return ``name (native id)`` -> contribution; nothing for None."""
        named: dict[str, int] = {}
        if change is not None:
            for native, count in change.contributions.items():
                named[self.labels.get(native, f"thread {native}")] = count
        return named

    def _read(self, *, restart: bool = False) -> tuple[Counts, dict[int, dict[int, int]]]:
        """Return the counts of now, and address -> native thread id -> merged until now.

        Reads again if this thread collects meanwhile; the collections of others wait, but
        not for long.  Raises :class:`Unsettled` if one of them did not.
        """
        self._label()
        merges = self._merges
        # The other way round, what waits for the lock would wait for the readings of others.
        with Reading(), merges.lock:
            while True:
                if restart:
                    merges.restart()
                before = merges.collections
                counts, merged = read_counts(self._refs), merges.copy_merged()
                if merges.unlocked:
                    raise Unsettled(
                        "a collection or the end of a thread could not wait for this reading",
                        tries=1,
                        hint="an audit hook, a finalizer or a signal handler that the reading "
                        "called has waited for a lock; let it wait for none",
                    )
                if merges.collections == before:
                    merges.look()
                    return counts, merged

    def _label(self) -> None:
        self.labels.update(thread_labels())


def _subtract_counts(first: TypeCount, last: TypeCount, merged: dict[int, int]) -> CountChange:
    """Return the change of one type between two counts, given what was merged in between."""
    contributions: dict[int, int] = {}
    for native in sorted(first.contributions.keys() | last.contributions.keys() | merged.keys()):
        change = last.contributions.get(native, 0) - first.contributions.get(native, 0)
        change += merged.get(native, 0)
        if change:
            contributions[native] = change
    return CountChange(last.header - first.header - sum(merged.values()), contributions)


def thread_labels() -> dict[int, str]:
    """Return native thread id -> ``name (native id)`` of the threads that live."""
    labels: dict[int, str] = {}
    for thread in threading.enumerate():
        if thread.native_id is not None:
            labels[thread.native_id] = f"{thread.name} ({thread.native_id})"
    return labels
