"""Plans which ranges of a heap are copied so that every object in it can be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import GC_PRE_HEAP, OBJECT_HEAP
from inspector.cpython.refcount import HEADER_SIZE
from inspector.process.vectors import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Page, Segment
    from inspector.process.vectors import Range

__all__ = [
    "HEAD",
    "Planned",
    "Plans",
    "block_ranges",
    "in_chunks",
    "may_have_objects",
    "plan_pages",
    "ranges_of",
]

HEAD: Final = 64
"""Bytes that are read of a block that is larger than a page of memory: the object's header,
or the link of a free block."""


class Planned(NamedTuple):
    """A page with objects, and the ranges to read for it."""

    segment: int
    """Address of its segment."""
    page: Page
    ranges: list[Range]
    """Its ``mi_page_t``, then all of its blocks or the beginning of each block."""
    size: int
    """Bytes of all ranges."""

    @property
    def in_one(self) -> bool:
        """Whether its blocks are one range."""
        return self.page.block <= PAGE


class Plans:
    """The plan for each segment, kept between readings, since few headers change."""

    def __init__(self) -> None:
        self.segments: dict[int, tuple[bytes, Segment]] = {}
        """Address -> header, and its decoded segment."""
        self._planned: dict[int, tuple[Segment, list[Planned]]] = {}

    def forget_others(self, segments: Iterable[Segment]) -> None:
        """Forget segments that are gone."""
        addresses = {segment.address for segment in segments}
        for known in (self.segments, self._planned):
            for address in known.keys() - addresses:
                del known[address]

    def plan(self, layout: HeapLayout, segments: Iterable[Segment]) -> list[Planned]:
        """Return the same as :func:`plan_pages`."""
        planned: list[Planned] = []
        for segment in segments:
            known = self._planned.get(segment.address)
            if known is None or known[0] is not segment:
                known = segment, plan_pages(layout, [segment])
                self._planned[segment.address] = known
            planned += known[1]
        return planned


def plan_pages(layout: HeapLayout, segments: Iterable[Segment]) -> list[Planned]:
    """Return the pages of some segments that have objects."""
    planned = []
    for segment in segments:
        for page in segment.pages:
            if page.used and may_have_objects(layout, page):
                ranges = [(page.entry, layout.page), *block_ranges(page)]
                size = sum(size for _, size in ranges)
                planned.append(Planned(segment.address, page, ranges, size))
    return planned


def may_have_objects(layout: HeapLayout, page: Page) -> bool:
    """Whether a page belongs to a heap of objects, and its blocks have room for an object."""
    return (
        OBJECT_HEAP <= page.heap <= GC_PRE_HEAP
        and page.block >= layout.header_at(page.heap) + HEADER_SIZE
    )


def block_ranges(page: Page) -> list[Range]:
    """Return the ranges of a page's blocks, or of the beginnings of large blocks."""
    if page.block <= PAGE:
        return [(page.start, page.capacity * page.block)]
    return [(page.start + number * page.block, HEAD) for number in range(page.capacity)]


def in_chunks(planned: Sequence[Planned], limit: int) -> Iterator[list[Planned]]:
    """Yield groups of pages with at most ``most`` bytes; a larger page is a group itself."""
    chunk: list[Planned] = []
    size = 0
    for each in planned:
        if chunk and size + each.size > limit:
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += each.size
    if chunk:
        yield chunk


def ranges_of(planned: Iterable[Planned]) -> list[Range]:
    """Return the ranges of all pages in order."""
    return [range_ for each in planned for range_ in each.ranges]
