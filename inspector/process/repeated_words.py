"""Words of a live process that are read thousands of times a second."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from inspector.errors import MemoryFault
from inspector.process.vectors import WORD, Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.memory import ProcessMemory

__all__ = ["RepeatedWords"]


class RepeatedWords:
    """At least two words at fixed, aligned addresses.

    The layout is made once.  A reading is one system call per 1,024 runs of pages, and one
    ``itemgetter`` call over the words, which is faster than a loop.
    """

    def __init__(self, memory: ProcessMemory, addresses: Sequence[int]) -> None:
        self._memory = memory
        self._ranges = [(address, WORD) for address in addresses]
        self._vectors = Vectors(self._ranges)
        self._words = self._vectors.words()
        self._chosen = itemgetter(*self._vectors.word_indices())

    def read(self) -> tuple[int, ...]:
        """Return the words, signed; raise :class:`MemoryFault` if any is unreadable."""
        if self._memory.fill(self._vectors):
            found: tuple[int, ...] = self._chosen(self._words)
            return found
        pieces = self._memory.read_many(self._ranges)
        if None in pieces:
            raise MemoryFault(*self._ranges[pieces.index(None)])
        return tuple(int.from_bytes(piece or b"", "little", signed=True) for piece in pieces)
