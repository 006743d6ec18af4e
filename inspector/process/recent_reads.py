"""Scattered reads that are often the same as one just before: their layout is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.errors import MemoryFault
from inspector.process.memory import ProcessMemory
from inspector.process.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = ["RecentReads"]

MOST_SETS: Final = 16
"""Sets of ranges whose layout is kept."""


class RecentReads:
    """Reads like ``read_many``; a set of ranges that comes again is not laid out again."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[tuple[Range, ...], Vectors] = {}

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is unreadable."""
        memory = self._memory
        if not isinstance(memory, ProcessMemory):
            return memory.read_many(ranges)
        key = tuple(ranges)
        vectors = self._known.pop(key, None)
        if vectors is None:
            try:
                vectors = Vectors(ranges)
            except MemoryFault:
                return memory.read_many(ranges)
        self._known[key] = vectors
        if len(self._known) > MOST_SETS:
            del self._known[next(iter(self._known))]
        return list(vectors.pieces()) if memory.fill(vectors) else memory.read_many(ranges)
