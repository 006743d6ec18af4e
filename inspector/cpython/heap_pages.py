"""Finds the segments of mimalloc in a process, and decodes their pages.

Every page names its heap, so no list of a thread or of an interpreter has to be followed,
and pages of ended threads are found too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import (
    CAPACITY,
    FREE,
    HEADER,
    RESERVED,
    SEGMENT,
    SLICE,
    SLICES,
)
from inspector.cpython.words import word_at
from inspector.process.maps import find_anonymous_boundaries, find_present_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.process.protocols import Memory

__all__ = [
    "SLICE_BITS",
    "Page",
    "Segment",
    "Torn",
    "decode_segment",
    "find_boundaries",
    "index_pages",
    "page_start",
    "read_segments",
    "walk_segment",
]

MOST_INFO_SLICES: Final = 16
"""Most slices of a segment's header: 1, with guard pages 2."""

MOST_BLOCK: Final = 1 << 40

SLICE_BITS: Final = SLICE.bit_length() - 1


class Page(NamedTuple):
    """A ``mi_page_t`` in the header of a segment."""

    entry: int
    """Address of the structure."""
    slice: int
    """Address of its first slice."""
    room: int
    """Bytes of its slices."""
    start: int
    """Address of the first block."""
    block: int
    """Bytes of each block."""
    capacity: int
    """Blocks that have ever been in use; the memory behind them has no meaning."""
    reserved: int
    """Blocks that it has room for."""
    used: int
    """Blocks in use, including blocks that other threads have freed."""
    heap: int
    """Number of its heap: of :data:`~inspector.cpython.heap_layout.HEAP_NAMES`."""
    owner: int
    """Address of the heap; 0 for an abandoned page."""
    free: int
    """Head of the list of free blocks."""
    goal: int
    """Not 0 while an empty page waits for threads that may still read it."""


class Torn(Exception):
    """The bytes are no header of a segment, or were read while it changed."""


class Segment(NamedTuple):
    """A segment with its owner and its pages."""

    address: int
    thread: int
    """``_Py_ThreadId()`` of the owner; 0 for an abandoned segment."""
    pages: list[Page]
    gaps: list[tuple[int, int]]
    """Address and size of each run of slices without a page."""


def find_boundaries(pid: int) -> list[int]:
    """Return the addresses at which the mappings of a process have room for a segment."""
    return find_present_pages(pid, find_anonymous_boundaries(pid, SEGMENT))


def index_pages(pages: Iterable[Page]) -> dict[int, Page]:
    """Return the number of each slice -> the page that it is of.

    The number are the upper bits of any address in a block.
    """
    found: dict[int, Page] = {}
    for page in pages:
        first = page.slice >> SLICE_BITS
        # Of a huge page no other one can be behind.
        for number in range(first, first + min(page.room >> SLICE_BITS, SLICES)):
            found[number] = page
    return found


def page_start(slice_address: int, room: int, block: int, reserved: int) -> int:
    """Return the address of the first block: up to three blocks behind the slice's start.

    ``_mi_segment_page_start_from_slice`` (Objects/mimalloc/segment.c).
    """
    return slice_address + (room // block - reserved) * block


def read_segments(
    memory: Memory,
    layout: HeapLayout,
    boundaries: Sequence[int],
    known: dict[int, tuple[bytes, Segment]] | None = None,
) -> tuple[list[Segment], list[int]]:
    """Return the segments at these addresses, and the addresses whose header changed meanwhile.

    There is a segment at an address if its cookie has the secret that all segments of the
    process share.  Headers are taken from ``known`` if decoded before, and added to it.
    """
    words = memory.read_many([(address + layout.cookie, 8) for address in boundaries])
    found = [
        address
        for address, word in zip(boundaries, words, strict=True)
        if word is not None and int.from_bytes(word, "little") ^ address == layout.secret
    ]
    headers = memory.read_many([(address, HEADER) for address in found])
    segments: list[Segment] = []
    torn: list[int] = []
    for address, header in zip(found, headers, strict=True):
        before = None if known is None else known.get(address)
        if before is not None and before[0] == header:
            segments.append(before[1])
            continue
        segment = None if header is None else decode_segment(layout, address, header)
        if header is None or segment is None:
            torn.append(address)
            continue
        segments.append(segment)
        if known is not None:
            known[address] = header, segment
    return segments, torn


def decode_segment(layout: HeapLayout, address: int, header: bytes) -> Segment | None:
    """Decode the header of a segment; return None if its spans do not add up."""
    pages: list[Page] = []
    gaps: list[tuple[int, int]] = []
    try:
        for each in walk_segment(layout, address, header):
            if isinstance(each, Page):
                pages.append(each)
            else:
                gaps.append(each)
    except Torn:
        return None
    return Segment(address, word_at(header, layout.segment_thread), pages, gaps)


def walk_segment(
    layout: HeapLayout, address: int, header: bytes
) -> Iterator[Page | tuple[int, int]]:
    """Yield the pages of a segment, and address and size of its spans without a page.

    Yields one at a time, for callers that must not keep all of them.  Raises :class:`Torn` if
    the spans of the header do not add up.
    """
    data = memoryview(header)
    halves, integers, words = data.cast("H"), data.cast("I"), data.cast("Q")
    info = integers[layout.slices // 4]
    if not 1 <= info <= MOST_INFO_SLICES:
        raise Torn
    number = info
    while number < SLICES:
        at = layout.slices + number * layout.page
        count, back = integers[at // 4], integers[at // 4 + 1]
        if count < 1 or back:
            raise Torn
        place, room = address + number * SLICE, count * SLICE
        capacity, reserved = halves[(at + CAPACITY) // 2], halves[(at + RESERVED) // 2]
        number += count
        # A huge segment is one block, whose size need not fit into 32 bits.
        behind = (layout.slices + number * layout.page) // 4
        alone = number == info + count and capacity == 1
        huge = alone and (number > SLICES or (number < SLICES and not integers[behind]))
        if number > SLICES and not huge:
            raise Torn
        if not capacity:
            yield place, room
            continue
        block = room if huge else integers[(at + layout.block_size) // 4]
        used = halves[(at + layout.used) // 2]
        if used > capacity or not _is_page(room, block, capacity, reserved):
            raise Torn
        start = page_start(place, room, block, reserved)
        if layout.page_start is not None:
            start = words[(at + layout.page_start) // 8]
            if not place <= start <= place + room - capacity * block:
                raise Torn
        yield Page(
            address + at,
            place,
            room,
            start,
            block,
            capacity,
            reserved,
            used,
            data[at + layout.tag_byte] >> layout.tag_shift & 15,
            words[(at + layout.owner) // 8],
            words[(at + FREE) // 8],
            words[(at + layout.goal) // 8],
        )
        if huge:
            return


def _is_page(room: int, block: int, capacity: int, reserved: int) -> bool:
    """Whether a page of ``room`` bytes has room for ``reserved`` blocks of a size."""
    return (
        capacity <= reserved
        and 8 <= block <= MOST_BLOCK  # noqa: PLR2004 - the smallest block is a word
        and block % 8 == 0
        and reserved * block <= room < (reserved + 4) * block
    )
