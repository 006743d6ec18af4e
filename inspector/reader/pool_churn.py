"""How ids, types and threads come and go between the readings of one interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.snapshots.interpreter import PoolLife

if TYPE_CHECKING:
    from inspector.reader.reading import Reading

__all__ = ["PoolChurn"]


class PoolChurn:
    """Counts changes of one interpreter's pool since its first reading.

    Objects that came and went between two readings are missed: every number is a lower bound.
    """

    def __init__(self) -> None:
        self._before: Reading | None = None
        self._used: set[int] = set()
        """Pool indices that any object has had."""
        self._changes = PoolLife()

    def update(self, reading: Reading) -> PoolLife:
        """Add a reading of the whole pool; return all changes so far."""
        before, self._before = self._before, reading
        if before is None:
            self._used.update(reading.table)
            return self._changes
        if reading.table is not before.table:
            self._note_objects(before, reading)
        self._note_merges(before, reading)
        return self._changes

    def _note_objects(self, before: Reading, now: Reading) -> None:
        born = now.table.items() - before.table.items()
        gone = before.table.items() - now.table.items()
        old, new = before.plan.kinds, now.plan.kinds
        reused, types_born = self._changes.reused, self._changes.types_born
        types_gone = self._changes.types_gone
        for entry in born:
            index, _ = entry
            reused += index in self._used
            types_born += new.get(entry) == "type"
        for entry in gone:
            types_gone += old.get(entry) == "type"
        self._changes = self._changes._replace(
            reused=reused, types_born=types_born, types_gone=types_gone
        )
        self._used.update(now.table)

    def _note_merges(self, before: Reading, now: Reading) -> None:
        collections = 0
        first, last = before.collector.collections, now.collector.collections
        if first is not None and last is not None:
            collections = max(0, last - first)
        if not collections and now.threads is before.threads:
            return
        ended = _thread_keys(before) - _thread_keys(now)
        so_far = self._changes
        self._changes = so_far._replace(
            collections=so_far.collections + collections,
            threads_ended=so_far.threads_ended + len(ended),
        )


def _thread_keys(reading: Reading) -> set[tuple[int, int]]:
    return {(thread.address, thread.native_id) for thread in reading.threads}
