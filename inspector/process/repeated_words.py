"""The same words of a live process, read again and again as cheaply as that is possible."""

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
    """Words at fixed, aligned addresses; two of them at least.

    Everything is laid out once: a reading is one system call for up to 1,024 runs of
    pages, and one pass over its bytes.
    """

    def __init__(self, memory: ProcessMemory, addresses: Sequence[int]) -> None:
        self._memory = memory
        self._ranges = [(address, WORD) for address in addresses]
        self._vectors = Vectors(self._ranges)
        self._words = self._vectors.words()
        self._chosen = itemgetter(*self._vectors.numbers())

    def read(self) -> tuple[int, ...]:
        """Return the words, signed; raise :class:`MemoryFault` when any is not there."""
        if self._memory.move(self._vectors):
            found: tuple[int, ...] = self._chosen(self._words)
            return found
        pieces = self._memory.read_many(self._ranges)
        if None in pieces:
            raise MemoryFault(*self._ranges[pieces.index(None)])
        return tuple(int.from_bytes(piece or b"", "little", signed=True) for piece in pieces)
