"""Copies many pieces of a process at once, into a buffer that is kept.

A fresh buffer costs a page fault for each of its pages while it is filled, which takes
longer than all the rest of a pause.
"""

from __future__ import annotations

from array import array
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

from inspector.cpython.heap_links import Words
from inspector.process.c_functions import process_vm_readv
from inspector.process.memory import ProcessMemory
from inspector.process.vectors import ADDRESS_END, IOV_MAX, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = ["Buffer", "Copy"]

ROOM: Final = 1 << 20
"""Least number of bytes by which the buffer grows."""


class Copy:
    """The pieces of one copy; valid until the buffer is filled again."""

    def __init__(
        self, words: array[int], ranges: Sequence[Range], others: dict[int, bytes | None]
    ) -> None:
        self._words = words
        self._others = others
        self._starts = list(accumulate((size // WORD for _, size in ranges), initial=0))

    def words(self, number: int) -> Words | None:
        """Return the words of a range; None if it could not be read."""
        if number in self._others:
            piece = self._others[number]
            return None if piece is None else Words.of(piece)
        start = self._starts[number]
        return Words(self._words, start, self._starts[number + 1] - start)

    def piece(self, number: int) -> bytes | None:
        """Return the bytes of a range; None if it could not be read."""
        if number in self._others:
            return self._others[number]
        return self._words[self._starts[number] : self._starts[number + 1]].tobytes()


class Buffer:
    """The reader's buffer for copies."""

    def __init__(self) -> None:
        self._words = array("Q")

    def reserve(self, size: int) -> None:
        """Make room for ``size`` bytes, and touch every page of it."""
        if len(self._words) * WORD < size:
            # Freed first, so that the two buffers do not exist at once.
            self._words = array("Q")
            self._words = array("Q", [0]) * ((size + ROOM) // WORD)

    def copy(self, memory: Memory, ranges: Sequence[Range]) -> Copy:
        """Copy ranges of whole words, up to 1024 of them in one system call."""
        others: dict[int, bytes | None] = {}
        if not isinstance(memory, ProcessMemory):
            return Copy(self._words, ranges, dict(enumerate(memory.read_many(ranges))))
        self.reserve(sum(size for _, size in ranges))
        remote = array("Q", [min(each, ADDRESS_END) for each in chain.from_iterable(ranges)])
        local = array("Q", [self._words.buffer_info()[0], 0])
        ours, theirs = local.buffer_info()[0], remote.buffer_info()[0]
        for start in range(0, len(ranges), IOV_MAX):
            part = ranges[start : start + IOV_MAX]
            local[1] = sum(size for _, size in part)
            moved = process_vm_readv(memory.pid, ours, 1, theirs + 16 * start, len(part), 0)
            if moved != local[1]:
                # A page of a range was unmapped, or this system refuses the call.
                others.update(enumerate(memory.read_many(part), start))
            local[0] += local[1]
        return Copy(self._words, ranges, others)
