"""How ids, classes and threads come and go between the readings of one interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.census.snapshot import PoolLife

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.reading import Reading

__all__ = ["Life"]


class Life:
    """What was seen of one interpreter since it was first read.

    Readings are samples: what came and went between two of them was not seen, so
    that every number here is "at least".
    """

    def __init__(self) -> None:
        self._members: dict[int, int] | None = None
        self._kinds: Mapping[tuple[int, int], str] = {}
        self._ever: set[int] = set()
        self._threads: set[tuple[int, int]] = set()
        self._collections: int | None = None
        self._life = PoolLife()

    def update(self, reading: Reading) -> PoolLife:
        """Take note of a reading of the whole pool."""
        members, kinds = reading.table.members, reading.plan.kinds
        threads = {(thread.address, thread.native_id) for thread in reading.threads}
        collections = reading.collector.collections
        if self._members is not None and self._same(members, threads, collections):
            return self._life
        if self._members is not None:
            before = self._members.items()
            now = members.items()
            born = gone = set[tuple[int, int]]()
            if members is not self._members:
                born, gone = now - before, before - now
            last = self._life
            merged = 0
            if collections is not None and self._collections is not None:
                merged = max(0, collections - self._collections)
            self._life = PoolLife(
                reused=last.reused + sum(index in self._ever for index, _ in born),
                types_born=last.types_born + sum(kinds.get(each) == "type" for each in born),
                types_gone=last.types_gone + sum(self._kinds.get(each) == "type" for each in gone),
                collections=last.collections + merged,
                threads_ended=last.threads_ended + len(self._threads - threads),
            )
        self._ever.update(members)
        self._members, self._kinds = members, kinds
        self._threads, self._collections = threads, collections
        return self._life

    def _same(
        self, members: dict[int, int], threads: set[tuple[int, int]], collections: int | None
    ) -> bool:
        """Whether nothing came, went or was collected since the reading before."""
        return (
            threads == self._threads
            and collections == self._collections
            and (members is self._members or members == self._members)
        )
