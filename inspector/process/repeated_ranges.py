"""Ranges that are read repeatedly: only those whose bytes changed are copied out again.

The buffer of the last reading is compared with the new bytes a block at a time.  A range
without a change is returned as the same object as before.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from inspector.process.c_functions import make_call, memcmp, memmove
from inspector.process.vectors import IOV_MAX, IOVEC_SIZE, PAGE, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from inspector.process.vectors import Call, Range

__all__ = ["BlockwiseRanges", "DoubleBufferedRanges", "RangesCache"]

BLOCK: Final = 1 << 17
"""Most bytes of a block, which is compared as a whole first."""

MAX_SETS: Final = 4
"""Most sets of ranges that are kept: one per interpreter, and few targets have more."""


class _RepeatedRanges:
    """Ranges, and the bytes of their last reading."""

    apart = False

    def __init__(self, ranges: Sequence[Range]) -> None:
        """Lay out the ranges; raise :class:`MemoryFault` for more than ``MAX_BYTES``."""
        self.ranges = ranges
        self._last = Vectors(ranges, apart=self.apart)
        self._pieces: list[bytes] | None = None

    def _take_pieces(self) -> list[bytes] | None:
        """Return the pieces of the last reading, and forget them.

        A signal handler that raises in the middle of a reading leaves a buffer that no
        longer agrees with them.
        """
        pieces, self._pieces = self._pieces, None
        return pieces

    def _cut_all(self) -> list[bytes | None]:
        """Return the bytes of each range, all copied out of the full buffer."""
        self._pieces = self._last.pieces()
        return list(self._pieces)

    def _update_pieces(self, known: list[bytes] | None, pages: Iterable[int]) -> list[bytes | None]:
        """Return the bytes of each range, given the last pieces and the pages that changed.

        A range that did not change keeps its object, so that callers can compare the two
        readings by identity.
        """
        if known is None:
            return self._cut_all()
        numbers = self._find_ranges_on(pages)
        for number, piece in zip(numbers, self._last.pieces_of(numbers), strict=True):
            if piece != known[number]:
                known[number] = piece
        self._pieces = known
        return list(known)

    def _copy_changed(self, start: int, fresh: int, size: int) -> list[int]:
        """Copy pages from address ``fresh`` that differ into the buffer; return their numbers."""
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

    def _find_ranges_on(self, pages: Iterable[int]) -> list[int]:
        """Return the numbers of the ranges with a byte on one of these pages of the buffer."""
        found: dict[int, None] = {}
        for page in pages:
            found.update(dict.fromkeys(self._by_page.get(page, ())))
        return list(found)

    @cached_property
    def _by_page(self) -> dict[int, list[int]]:
        """Page of the buffer -> numbers of the ranges with a byte on it."""
        found: dict[int, list[int]] = {}
        for number, (start, end) in enumerate(self._last.places):
            for page in range(start // PAGE, (end - 1) // PAGE + 1):
                found.setdefault(page, []).append(number)
        return found


class Blocks(NamedTuple):
    """System calls, and the bytes that each is to move."""

    calls: list[Call]
    lengths: list[int]
    held: tuple[array[int], array[int]]
    """The iovec arrays that the calls point to."""


class BlockwiseRanges(_RepeatedRanges):
    """Ranges that are read block by block into one small buffer, and compared there.

    The block and its last bytes stay in the cache of the processor, where a buffer for all
    ranges would not.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        super().__init__(ranges)
        self._fresh = array("B", bytes(BLOCK))
        self._blocks = _plan_blocks(self._last.segments, self._fresh.buffer_info()[0])

    def read(self, move: Callable[[Call], int]) -> list[bytes | None] | None:
        """Return the bytes of each range; None if a call moved fewer bytes than it was to."""
        known = self._take_pieces()
        if known is None:
            return self._cut_all() if self._last.fill(move) else None
        pages = []
        start = 0
        fresh = self._fresh.buffer_info()[0]
        for call, size in zip(self._blocks.calls, self._blocks.lengths, strict=True):
            if move(call) != size:
                return None
            pages += self._copy_changed(start, fresh, size)
            start += size
        return self._update_pieces(known, pages)


class DoubleBufferedRanges(_RepeatedRanges):
    """Ranges that are all read into a second buffer, and compared with the first afterwards."""

    apart = True

    def __init__(self, ranges: Sequence[Range]) -> None:
        super().__init__(ranges)
        self.next = self._last.copy_layout()
        """The buffer to fill."""

    def pieces(self) -> list[bytes | None]:
        """Return the bytes of each range, after ``next`` has been filled."""
        known = self._take_pieces()
        fresh, size = self.next.buffer
        pages: list[int] = []
        for start in range(0, size, BLOCK):
            pages += self._copy_changed(start, fresh + start, min(BLOCK, size - start))
        return self._update_pieces(known, pages)


AnyRanges = TypeVar("AnyRanges", bound=_RepeatedRanges)


class RangesCache(Generic[AnyRanges]):
    """The sets of ranges that were read last, so that equal ones are not laid out again."""

    def __init__(self, kind: type[AnyRanges], *, steady: bool = False) -> None:
        """``steady``: hold one set at all times, so that no own reading changes what it counts."""
        self._kind = kind
        self._most = 1 if steady else MAX_SETS
        self._kept = [kind(())] if steady else []

    def find_or_make(self, ranges: Sequence[Range]) -> AnyRanges:
        """Return the object for these ranges, the one from before if it is still kept."""
        for place, kept in enumerate(self._kept):
            if kept.ranges is ranges or kept.ranges == ranges:
                self._kept.insert(0, self._kept.pop(place))
                return kept
        made = self._kind(ranges)
        self._kept = [made, *self._kept[: self._most - 1]]
        return made


def _plan_blocks(segments: array[int], buffer: int) -> Blocks:
    """Return the calls that read segments a block at a time, each into the same buffer."""
    local, remote = array("Q"), array("Q")
    counts, lengths = [], []
    for block in _cut_segments(segments):
        length = 0
        for address, size in block:
            remote.extend((address, size))
            length += size
        local.extend((buffer, length))
        counts.append(len(block))
        lengths.append(length)
    calls = []
    local_iovec, remote_iovec = local.buffer_info()[0], remote.buffer_info()[0]
    for count in counts:
        calls.append((local_iovec, 1, remote_iovec, count))
        local_iovec += IOVEC_SIZE
        remote_iovec += count * IOVEC_SIZE
    return Blocks(calls, lengths, (local, remote))


def _cut_segments(segments: array[int]) -> Iterator[list[Range]]:
    """Cut segments (address, size, address, size, ...) into blocks of at most ``BLOCK`` bytes."""
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
