"""Finds the array of pages in the header of a segment: the first step to mimalloc's layout.

Spans of slices follow each other without a gap up to the end of a segment, and the last
slice of each leads back to its first (``mi_segment_span_allocate`` and ``_free``,
Objects/mimalloc/segment.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import CAPACITY, HEADER, RESERVED, SLICE, SLICES
from inspector.cpython.words import word_at
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory

__all__ = ["Entry", "Places", "find_places", "spans_of"]

FIRST, LAST = 96, 1024
"""Offsets at which ``slices`` can begin; known are 264 and 288."""

SMALLEST, LARGEST = 80, 120
"""Sizes that ``mi_page_t`` can have; known are 96 and 112."""

MOST_SEGMENTS: Final = 64
"""Most segments that are read."""

MOST_INFO_SLICES: Final = 16


class Entry(NamedTuple):
    """The bytes of a page that is in use."""

    address: int
    """Address of its ``mi_page_t``."""
    slice: int
    """Address of its first slice."""
    room: int
    """Bytes of its slices."""
    thread: int
    """The bytes of its segment before ``slices``, with the owner's id, 0 for an abandoned one."""
    data: bytes
    """Its ``mi_page_t``."""

    def half(self, offset: int) -> int:
        """Return the 16 bits at an offset."""
        return int.from_bytes(self.data[offset : offset + 2], "little")

    def integer(self, offset: int) -> int:
        """Return the 32 bits at an offset."""
        return int.from_bytes(self.data[offset : offset + 4], "little")

    def word(self, offset: int) -> int:
        """Return the 64 bits at an offset."""
        return word_at(self.data, offset)

    @property
    def slices(self) -> range:
        """Return the addresses of its slices."""
        return range(self.slice, self.slice + self.room, SLICE)

    def holds(self, address: int) -> bool:
        """Whether an address is inside the page."""
        return self.slice <= address < self.slice + self.room


class Places(NamedTuple):
    """The segments that were read, and their pages."""

    slices: int
    page: int
    headers: dict[int, bytes]
    """Address of the segment -> its pages."""
    entries: list[Entry]


def find_places(memory: Memory, segments: Sequence[int]) -> Places:
    """Return the pages of some segments, and the offset of ``slices`` in a header.

    Raises :class:`LayoutError` unless exactly one offset fits all segments, and
    :class:`MemoryFault` if a segment was unmapped meanwhile.
    """
    chosen = sorted(segments)[:MOST_SEGMENTS]
    headers: dict[int, bytes] = {}
    for address, header in zip(
        chosen, memory.read_many([(each, HEADER) for each in chosen]), strict=True
    ):
        if header is None:
            raise MemoryFault(address, HEADER)
        headers[address] = header
    # 32 bits each: they are indexed thousands of times.
    integers = [memoryview(header).cast("I").tolist() for header in headers.values()]
    found = [
        (slices, page)
        for page in range(SMALLEST, LARGEST + 1, 8)
        for slices in range(FIRST, min(LAST, HEADER - SLICES * page), 8)
        if integers and all(spans_of(integer, slices, page) for integer in integers)
    ]
    if len(found) != 1:
        raise LayoutError(
            "mi_segment_t.slices",
            expected=f"one place from which spans fill {len(headers)} segments",
            found=str(len(found)),
        )
    slices, page = found[0]
    entries = []
    for (address, header), numbers in zip(headers.items(), integers, strict=True):
        for number, count in spans_of(numbers, slices, page):
            at = slices + number * page
            thread = word_at(header, slices - 8)
            place, room = address + number * SLICE, count * SLICE
            entry = Entry(address + at, place, room, thread, header[at : at + page])
            # The span of the header, and free spans, have no blocks.
            if 0 < entry.half(CAPACITY) <= entry.half(RESERVED):
                entries.append(entry)
    return Places(slices, page, headers, entries)


def spans_of(integers: Sequence[int], slices: int, page: int) -> list[tuple[int, int]]:
    """Return the first slice and the number of slices of each span; empty if they do not fit."""
    spans: list[tuple[int, int]] = []
    number = 0
    while number < SLICES:
        at = (slices + number * page) // 4
        count, back = integers[at], integers[at + 1]
        if not 1 <= count <= SLICES - number or back:
            return []
        if not number and count > MOST_INFO_SLICES:
            return []
        last = (slices + (number + count - 1) * page) // 4
        if integers[last + 1] != (count - 1) * page:
            return []
        spans.append((number, count))
        number += count
    return spans
