"""Decodes copies of pages, and adds up the live objects in them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_blocks import Blocks, find_live_blocks
from inspector.cpython.heap_links import Words
from inspector.reader.heap_scene import follow_delayed
from inspector.reader.heap_tally import RawPages, Tally, Types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Segment
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.reader.heap_copy import Copy
    from inspector.reader.heap_plan import Planned
    from inspector.reader.heap_scene import HeapOwner

__all__ = ["Reading", "Still", "decode_pages", "decode_still"]

GROUP: Final = 16
"""Pages whose objects are added up at a time."""


NOTHING: Final = Blocks(array("Q"), b"", consistent=False, words=Words.of(b""), stride=1)
"""What is known of a page that could not be read."""


class Reading(NamedTuple):
    """One reading of the heap."""

    segments: list[Segment]
    owners: dict[int, HeapOwner]
    types: Types
    low: Tally
    """The objects that the first pass proves; all objects if nothing ran meanwhile."""
    more: Tally | None
    """The estimate after torn pages were read again; None if nothing ran meanwhile."""
    uncertain: int
    """Pages whose lists did not add up."""
    pause_ns: int | None


class Still(NamedTuple):
    """A copy of one instant."""

    copy: Copy
    """The ranges of :func:`delayed_ranges`, then those of pages."""
    segments: list[Segment]
    owners: dict[int, HeapOwner]
    planned: list[Planned]


class _CopiedWords:
    """Looks up words of a copy by their address."""

    def __init__(self, planned: Sequence[Planned], copy: Copy, first: int) -> None:
        numbers = accumulate((len(each.ranges) for each in planned), initial=first)
        self._pages = sorted(
            (each.page.start, number, each) for each, number in zip(planned, numbers, strict=False)
        )
        self._copy = copy

    def __call__(self, address: int) -> int:
        """Return the word at an address in a block; 0 for an address that is in no block."""
        place = bisect_right(self._pages, address, key=itemgetter(0)) - 1
        if place < 0:
            return 0
        start, number, planned = self._pages[place]
        index, rest = divmod(address - start, planned.page.block)
        if rest or index >= planned.page.capacity:
            return 0
        at = index * planned.page.block // 8 if planned.in_one else 0
        words = self._copy.words(number + 1 + (0 if planned.in_one else index))
        return 0 if words is None else words.values[words.first + at]


def decode_pages(
    heap: HeapLayout,
    planned: Sequence[Planned],
    copy: Copy,
    delayed: Sequence[int],
    first: int = 0,
) -> list[tuple[Planned, Blocks]]:
    """Return the blocks of pages whose ranges were copied one after the other."""
    found = []
    number = first
    waiting = sorted(delayed)
    for each in planned:
        behind = number + len(each.ranges)
        entry = copy.piece(number)
        words = copy.words(number + 1) if each.in_one else _joined(copy, number + 1, behind)
        number = behind
        page = each.page
        if entry is None or words is None:
            found.append((each, NOTHING))
            continue
        begin = bisect_left(waiting, page.slice)
        end = bisect_left(waiting, page.slice + page.room)
        found.append((each, find_live_blocks(heap, page, entry, words, waiting[begin:end])))
    return found


def _joined(copy: Copy, first: int, behind: int) -> Words | None:
    """Return the beginnings of a page's blocks in one array; None if one was not read."""
    pieces = [copy.piece(number) for number in range(first, behind)]
    return None if None in pieces else Words.of(b"".join(piece or b"" for piece in pieces))


def decode_still(
    memory: Memory, layout: Layout, heap: HeapLayout, read: Still, pause_ns: int
) -> Reading:
    """Count the objects of a copy of one instant."""
    types = Types(memory, layout)
    tally = Tally(layout, heap, types)
    raw = RawPages(read.segments)
    owners = list(read.owners)
    number = len(owners)
    word = _CopiedWords(read.planned, read.copy, number)
    delayed = follow_delayed(heap, owners, [read.copy.piece(each) for each in range(number)], word)
    uncertain = 0
    for start in range(0, len(read.planned), GROUP):
        group = read.planned[start : start + GROUP]
        decoded = decode_pages(heap, group, read.copy, delayed, number)
        number += sum(len(each.ranges) for each in group)
        uncertain += sum(not blocks.consistent for _, blocks in decoded)
        tally.add(decoded, raw)
    return Reading(read.segments, read.owners, types, tally, None, uncertain, pause_ns)
