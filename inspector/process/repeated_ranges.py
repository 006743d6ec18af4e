"""Ranges that are read again and again: what did not change is not taken apart again.

Knows: which bytes of a reading are not those of the reading before, found by comparing
them a block at a time.  Does not know what is read, nor by whom.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from inspector.process.c_functions import make_call, memcmp, memmove
from inspector.process.vectors import IOV_MAX, PAGE, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from inspector.process.vectors import Call, Range

__all__ = ["BlockwiseRanges", "DoubleBufferedRanges", "RangesCache"]

BLOCK: Final = 1 << 17
"""Bytes that are compared as a whole first, and the most that one block has."""

MAX_SETS: Final = 4
"""Sets of ranges that are kept: one per interpreter that is read, nearly always."""


class _RepeatedRanges:
    """The bytes of some ranges as they were read last."""

    apart = False

    def __init__(self, ranges: Sequence[Range]) -> None:
        """Lay out the ranges; raise :class:`MemoryFault` for more bytes than are ever read."""
        self.ranges = ranges
        self._last = Vectors(ranges, apart=self.apart)
        self._pieces: list[bytes] | None = None

    def _take(self) -> list[bytes] | None:
        """Return the pieces of the reading before, and forget them.

        What interrupts a reading between here and its end, such as a signal handler that
        raises, leaves a buffer that is not theirs any more.
        """
        pieces, self._pieces = self._pieces, None
        return pieces

    def _first(self) -> list[bytes | None]:
        """Return the bytes of each range once all of the buffer has been filled."""
        self._pieces = self._last.pieces()
        return list(self._pieces)

    def _later(self, known: list[bytes] | None, pages: Iterable[int]) -> list[bytes | None]:
        """Return the bytes of each range, given those known and the pages that changed since.

        Of a range that reads as it did, that is the very object of the reading before:
        whoever compares the two is done at once.
        """
        if known is None:
            return self._first()
        numbers = self._ranges_on(pages)
        for number, piece in zip(numbers, self._last.some(numbers), strict=True):
            if piece != known[number]:
                known[number] = piece
        self._pieces = known
        return list(known)

    def _renewed(self, start: int, fresh: int, size: int) -> list[int]:
        """Take over bytes from address ``fresh``; return the pages that were others."""
        last = self._last.buffer[0]
        if not make_call(memcmp, last + start, fresh, size):
            return []
        pages = []
        for at in range(start, start + size, PAGE):
            length = min(PAGE, start + size - at)
            if make_call(memcmp, last + at, fresh + at - start, length):
                make_call(memmove, last + at, fresh + at - start, length)
                pages.append(at // PAGE)
        return pages

    def _ranges_on(self, pages: Iterable[int]) -> list[int]:
        """Return the ranges that have a byte on one of these pages of the buffer."""
        found = chain.from_iterable(self._by_page.get(page, ()) for page in pages)
        return list(dict.fromkeys(found))

    @cached_property
    def _by_page(self) -> dict[int, list[int]]:
        """Page of the buffer -> the ranges that have a byte on it."""
        found: dict[int, list[int]] = {}
        for number, (start, end) in enumerate(self._last.places):
            for page in range(start // PAGE, (end - 1) // PAGE + 1):
                found.setdefault(page, []).append(number)
        return found


class Blocks(NamedTuple):
    """Calls to be made one after the other, each of which is to move so many bytes."""

    calls: list[Call]
    lengths: list[int]
    held: tuple[array[int], array[int]]
    """What the calls point into."""


class BlockwiseRanges(_RepeatedRanges):
    """Ranges that are read block after block into the same few pages.

    These, and what is compared with them, stay in the processor's cache; what all is read
    into would not.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        super().__init__(ranges)
        self._fresh = array("B", bytes(BLOCK))
        self._blocks = _plan_blocks(self._last.segments, self._fresh.buffer_info()[0])

    def read(self, move: Callable[[Call], int]) -> list[bytes | None] | None:
        """Return the bytes of each range, None if not everything could be moved."""
        known = self._take()
        if known is None:
            return self._first() if self._last.filled(move) else None
        pages = []
        start = 0
        fresh = self._fresh.buffer_info()[0]
        for call, size in zip(self._blocks.calls, self._blocks.lengths, strict=True):
            if move(call) != size:
                return None
            pages += self._renewed(start, fresh, size)
            start += size
        return self._later(known, pages)


class DoubleBufferedRanges(_RepeatedRanges):
    """Ranges that are read in one go, each by itself, and compared afterwards."""

    apart = True

    def __init__(self, ranges: Sequence[Range]) -> None:
        super().__init__(ranges)
        self.next = self._last.twin()
        """To be filled."""

    def pieces(self) -> list[bytes | None]:
        """Return the bytes of each range once all of ``next`` has been filled."""
        known = self._take()
        fresh, size = self.next.buffer
        pages: list[int] = []
        for start in range(0, size, BLOCK):
            pages += self._renewed(start, fresh + start, min(BLOCK, size - start))
        return self._later(known, pages)


AnyRanges = TypeVar("AnyRanges", bound=_RepeatedRanges)


class RangesCache(Generic[AnyRanges]):
    """The latest ranges that were read: those that stay are not laid out again."""

    def __init__(self, kind: type[AnyRanges], *, steady: bool = False) -> None:
        """Be ``steady`` in the process that is read: as many objects are held at any time."""
        self._kind = kind
        self._most = 1 if steady else MAX_SETS
        self._kept = [kind(())] if steady else []

    def of(self, ranges: Sequence[Range]) -> AnyRanges:
        """Return what was read of these ranges last, the same object for equal ones."""
        for place, each in enumerate(self._kept):
            if each.ranges is ranges or each.ranges == ranges:
                self._kept.insert(0, self._kept.pop(place))
                return each
        made = self._kind(ranges)
        self._kept = [made, *self._kept[: self._most - 1]]
        return made


def _plan_blocks(segments: array[int], buffer: int) -> Blocks:
    """Return calls that read segments a block at a time, each into the same buffer."""
    parts = list(_cut_segments(segments))
    remote = array("Q", chain.from_iterable(chain.from_iterable(parts)))
    lengths = [sum(size for _, size in part) for part in parts]
    local = array("Q", chain.from_iterable((buffer, length) for length in lengths))
    (ours, _), (theirs, _) = local.buffer_info(), remote.buffer_info()
    starts = accumulate(map(len, parts), initial=0)
    calls = [
        (ours + 16 * number, 1, theirs + 16 * start, len(part))
        for number, (part, start) in enumerate(zip(parts, starts, strict=False))
    ]
    return Blocks(calls, lengths, (local, remote))


def _cut_segments(segments: array[int]) -> Iterator[list[Range]]:
    """Cut segments (address, size, address, size, ...) into lists of a block at most."""
    block: list[Range] = []
    left = BLOCK
    for address, size in zip(segments[::2], segments[1::2], strict=True):
        done = 0
        while done < size:
            part = min(size - done, left)
            block.append((address + done, part))
            done += part
            left -= part
            if not left or len(block) == IOV_MAX:
                yield block
                block, left = [], BLOCK
    if block:
        yield block
