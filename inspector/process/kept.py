"""Ranges that are read again and again: what did not change is not taken apart again.

Knows: which bytes of a reading are not those of the reading before, found by comparing
whole buffers.  Does not know what is read, nor by whom.
"""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final

from inspector.process.calls import memcmp
from inspector.process.vectors import PAGE, Vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.process.vectors import Range

__all__ = ["Kept", "KeptVectors"]

BLOCK: Final = 1 << 17
"""Bytes that are compared as a whole first."""

MOST: Final = 4
"""Sets of ranges that are kept: one per interpreter that is read, nearly always."""


class Kept:
    """The vectors of some ranges, and the bytes of each as they were read last."""

    def __init__(self, ranges: Sequence[Range], *, steady: bool, apart: bool) -> None:
        """Lay out the ranges; raise :class:`MemoryFault` for more bytes than are ever read.

        What is ``steady`` has both of its buffers from the start.
        """
        self.ranges = ranges
        self.next = Vectors(ranges, apart=apart)
        """To be filled by the reading to come."""
        self._last = self.next.twin() if steady else self.next
        self._pieces: list[bytes] | None = None

    def renew(self) -> None:
        """Leave the bytes of the reading before where they are for the one to come."""
        if self.next is self._last:
            self.next = self._last.twin()

    def pieces(self) -> list[bytes | None]:
        """Return the bytes of each range once all of ``next`` has been filled.

        Of a range that reads as it did, that is the very object of the reading before:
        whoever compares the two is done at once.
        """
        now, last = self.next, self._last
        if self._pieces is None or now is last:
            self._pieces = now.pieces()
        else:
            numbers = self._ranges_on(_pages_that_differ(last.buffer, now.buffer))
            for number, piece in zip(numbers, now.some(numbers), strict=True):
                if piece != self._pieces[number]:
                    self._pieces[number] = piece
        self.next, self._last = last, now
        return list(self._pieces)

    def _ranges_on(self, pages: Iterable[int]) -> list[int]:
        """Return the ranges that have a byte on one of these pages of the buffer."""
        found = chain.from_iterable(self._by_page.get(page, ()) for page in pages)
        return list(dict.fromkeys(found))

    @cached_property
    def _by_page(self) -> dict[int, list[int]]:
        """Page of the buffer -> the ranges that have a byte on it."""
        found: dict[int, list[int]] = {}
        for number, (start, end) in enumerate(self.next.places):
            for page in range(start // PAGE, (end - 1) // PAGE + 1):
                found.setdefault(page, []).append(number)
        return found


class KeptVectors:
    """The vectors of the latest ranges: a plan that stays is not laid out again."""

    def __init__(self, *, steady: bool = False, apart: bool = False) -> None:
        """Be ``steady`` in the process that is read: as many objects are held at any time.

        Lay out the ranges ``apart`` for :attr:`~inspector.process.vectors.Vectors.gathering`.
        """
        self._steady, self._apart = steady, apart
        self._most = 1 if steady else MOST
        self._kept = [self._make(())] if steady else []

    def of(self, ranges: Sequence[Range]) -> Kept:
        """Return vectors for the ranges, the same ones for equal ranges."""
        for place, each in enumerate(self._kept):
            if each.ranges is ranges or each.ranges == ranges:
                self._kept.insert(0, self._kept.pop(place))
                each.renew()
                return each
        made = self._make(ranges)
        self._kept = [made, *self._kept[: self._most - 1]]
        return made

    def _make(self, ranges: Sequence[Range]) -> Kept:
        return Kept(ranges, steady=self._steady, apart=self._apart)


def _pages_that_differ(before: Range, now: Range) -> list[int]:
    """Return the numbers of the pages of two buffers, of one size, that are not the same."""
    (old, size), (new, _) = before, now
    blocks = range(0, size, BLOCK)
    return [
        at // PAGE
        for start in blocks
        if memcmp(old + start, new + start, min(BLOCK, size - start))
        for at in range(start, min(start + BLOCK, size), PAGE)
        if memcmp(old + at, new + at, min(PAGE, size - at))
    ]
