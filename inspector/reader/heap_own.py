"""Copies the heap of the own process in one pause, during which no Python code can run.

The copy is planned before the pause, and planning itself creates objects.  So the copy has
more than the plan needs: room for pages to grow, and the beginnings of gaps in which new
pages may be made.  The headers of segments, which are copied in the same pause, show
afterwards whether all objects are in the copy.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import HEADER, SLICE
from inspector.cpython.heap_pages import Page, Torn, decode_segment, walk_segment
from inspector.cpython.words import word_at
from inspector.process.vectors import PAGE
from inspector.reader.heap_copy import Copy
from inspector.reader.heap_plan import block_ranges, may_have_objects, plan_pages
from inspector.reader.heap_scene import delayed_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Segment
    from inspector.process.own import OwnProcess
    from inspector.process.vectors import Range
    from inspector.reader.heap_plan import Planned

__all__ = ["OwnCopy", "OwnPlan", "read_own"]

GROWTH: Final = 1 << 14
"""Bytes that are copied behind the blocks of a page, which grows by 4 KiB at a time."""

GAP: Final = 4 * SLICE
"""Bytes that are copied of a gap, in which a new page may be made."""

MOST_GAPS: Final = 32
"""Gaps of a segment that are copied: a new page takes the smallest gap that has room."""


class OwnCopy(NamedTuple):
    """A copy that was made in one pause."""

    copy: Copy
    """The ranges of :func:`~inspector.reader.heap_scene.delayed_ranges`, then those of pages."""
    segments: list[Segment]
    planned: list[Planned]


class OwnPlan:
    """The ranges to copy; kept between readings, so that planning creates few objects."""

    def __init__(self) -> None:
        self._by_slice: dict[int, tuple[Page, list[Range]]] = {}

    def renew(self, heap: HeapLayout, headers: Sequence[tuple[int, bytes]]) -> list[Range] | None:
        """Return the ranges to copy, by the headers of all segments; None if one is torn."""
        before, after = self._by_slice, {}
        gaps: list[Range] = []
        try:
            for address, header in headers:
                owned = word_at(header, heap.segment_thread)
                of_segment = []
                for each in walk_segment(heap, address, header):
                    if not isinstance(each, Page):
                        of_segment.append(each)
                        continue
                    if may_have_objects(heap, each):
                        known = before.get(each.slice)
                        after[each.slice] = known if known and _same(*known, each) else _room(each)
                if owned:
                    of_segment.sort(key=itemgetter(1))
                    gaps += of_segment[:MOST_GAPS]
        except Torn:
            return None
        self._by_slice = after
        regions = [each for _, ranges in after.values() for each in ranges]
        return regions + [(address, min(size, GAP)) for address, size in gaps]


def _same(known: Page, ranges: list[Range], page: Page) -> bool:
    """Whether the planned ranges of a page contain all of its blocks."""
    if (known.start, known.block) != (page.start, page.block):
        return False
    if page.block > PAGE:
        return known.capacity == page.capacity
    full = page.capacity == page.reserved
    return page.capacity * page.block + (0 if full else GROWTH // 2) <= ranges[0][1]


def _room(page: Page) -> tuple[Page, list[Range]]:
    """Return a page with the ranges to copy."""
    if page.block > PAGE:
        return page, block_ranges(page)
    size = page.capacity * page.block + GROWTH
    return page, [(page.start, min(size, page.slice + page.room - page.start))]


def read_own(
    process: OwnProcess,
    heap: HeapLayout,
    plan: OwnPlan,
    segments: Sequence[int],
    owners: Sequence[int],
) -> OwnCopy | None:
    """Copy all objects in one pause; return None if some are not in the copy.

    ``segments`` are the addresses of all segments, ``owners`` the addresses of all heaps.
    """
    headers = [(each, HEADER) for each in segments]
    heads = delayed_ranges(heap, owners)
    fresh = process.memory.read_many(headers)
    there = [(at, header) for at, header in zip(segments, fresh, strict=True) if header]
    regions = plan.renew(heap, there)
    if regions is None or len(there) < len(segments):
        return None
    pieces = process.world.read_all((), [*headers, *heads, *regions], ())[1]
    found: list[Segment] = []
    for (address, _), header in zip(headers, pieces, strict=False):
        segment = None if header is None else decode_segment(heap, address, header)
        if segment is None:
            return None
        found.append(segment)
    first = len(headers) + len(heads)
    copied = _Copied([*headers, *regions], [*pieces[: len(headers)], *pieces[first:]])
    planned = plan_pages(heap, found)
    chosen: list[bytes | None] = list(pieces[len(headers) : first])
    for page in planned:
        for address, size in page.ranges:
            piece = copied.cut(address, size)
            if piece is None:
                return None
            chosen.append(piece)
    sizes = [(0, len(piece or b"")) for piece in chosen]
    return OwnCopy(Copy(array("Q"), sizes, dict(enumerate(chosen))), found, planned)


class _Copied:
    """Pieces that were copied, by address."""

    def __init__(self, spans: Sequence[Range], pieces: Sequence[bytes | None]) -> None:
        order = sorted(range(len(spans)), key=lambda number: spans[number])
        self._starts = [spans[number][0] for number in order]
        self._pieces = [pieces[number] for number in order]

    def cut(self, address: int, size: int) -> bytes | None:
        """Return the bytes of a range that is in one piece."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        piece, start = self._pieces[place], address - self._starts[place]
        if piece is None or start + size > len(piece):
            return None
        return piece[start : start + size]
