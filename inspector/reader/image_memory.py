"""A copy of a process as a memory: what structures said at the instant of the copy."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range
    from inspector.reader.heap_image import HeapImage

__all__ = ["ImageMemory"]


class ImageMemory:
    """A :class:`~inspector.process.protocols.Memory`; what was not copied is read as it is now."""

    def __init__(self, image: HeapImage, live: Memory) -> None:
        self._image = image
        self._live = live
        self._others = sorted(image.others, key=itemgetter(0))
        self._starts = [address for address, _ in self._others]

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; raise :class:`MemoryFault` when any is unreadable."""
        piece = self.read_many([(address, size)])[0]
        if piece is None:
            raise MemoryFault(address, size)
        return piece

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is unreadable."""
        pieces = [self._cut(address, size) for address, size in ranges]
        missing = [number for number, piece in enumerate(pieces) if piece is None]
        if missing:
            others = self._live.read_many([ranges[number] for number in missing])
            for number, piece in zip(missing, others, strict=True):
                pieces[number] = piece
        return pieces

    def _cut(self, address: int, size: int) -> bytes | None:
        """Return bytes of the copy; None where they are not all in one piece of it."""
        found = self._image.find_block(address)
        if found is not None:
            words, start = found[0].words, found[0].page.start
        else:
            place = bisect_right(self._starts, address) - 1
            if place < 0:
                return None
            start, words = self._others[place]
        at = address - start
        if not 0 <= at <= 8 * words.size - size:
            return None
        first = words.first + at // 8
        last = words.first + (at + size + 7) // 8
        return words.values[first:last].tobytes()[at % 8 : at % 8 + size]
