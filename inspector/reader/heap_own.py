"""The heap of the own process copied in one pause, in which no Python code can run.

What is to be copied is planned before, and what happens in between moves the very heap
that is read.  So more is copied than the plan needs: room for pages to grow, and the
beginning of what no page has yet.  The headers of segments, copied in the same pause, tell
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
"""Bytes behind the blocks of a page that may come to be used: it grows by 4 KiB at a time."""

GAP: Final = 4 * SLICE
"""Bytes at the beginning of a gap in which new pages may come to be."""

MOST_GAPS: Final = 32
"""Gaps of a segment that are copied: a new page takes the smallest that it fits into."""


class OwnCopy(NamedTuple):
    """What was copied in one pause."""

    copy: Copy
    """First the ranges of :func:`~inspector.reader.heap_scene.delayed_ranges`, then pages."""
    segments: list[Segment]
    planned: list[Planned]


class OwnPlan:
    """What to copy; kept from one reading to the next, so that planning makes few objects."""

    def __init__(self) -> None:
        self._by_slice: dict[int, tuple[Page, list[Range]]] = {}

    def renew(self, heap: HeapLayout, headers: Sequence[tuple[int, bytes]]) -> list[Range] | None:
        """Return what to copy by the headers of all segments; None where one is torn."""
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
    """Whether what is known of a page has all of its blocks."""
    if (known.start, known.block) != (page.start, page.block):
        return False
    if page.block > PAGE:
        return known.capacity == page.capacity
    full = page.capacity == page.reserved
    return page.capacity * page.block + (0 if full else GROWTH // 2) <= ranges[0][1]


def _room(page: Page) -> tuple[Page, list[Range]]:
    """Return a page, and what to copy of it."""
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
    """Copy all objects in a pause; None where some are not in the copy.

    ``segments`` are the addresses of all segments, ``owners`` those of heaps.
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
        """Return bytes that are all in one piece."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        piece, start = self._pieces[place], address - self._starts[place]
        if piece is None or start + size > len(piece):
            return None
        return piece[start : start + size]
