"""Adds up the objects of many pages by segment; each segment has one interpreter."""

from __future__ import annotations

from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.deques import DEQUE_WORDS, count_deque_blocks
from inspector.cpython.heap_blocks import count_types
from inspector.cpython.heap_columns import count_slices, join_columns, leave_out, mask_addresses
from inspector.cpython.heap_layout import MEM_HEAP
from inspector.cpython.heap_pages import SLICE_BITS, index_pages
from inspector.cpython.heap_types import find_attached, read_types

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable

    from inspector.cpython.heap_blocks import Blocks, TypeCounts
    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Segment
    from inspector.cpython.heap_types import Attached, TypeFacts
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.reader.heap_plan import Planned

__all__ = ["Found", "RawPages", "Tally", "Types"]


class Found(NamedTuple):
    """The instances of one type in one segment."""

    instances: int = 0
    bytes: int = 0
    untracked: int = 0


NONE: Final = Found()


class _Group(NamedTuple):
    """What pages have in common that are counted together."""

    segment: int
    heap: int
    block: int
    stride: int


class Types:
    """Which words are types, as far as one reading has tested them."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout
        self.facts: dict[int, TypeFacts] = {}
        self.attached: dict[int, Attached] = {}
        """Result of :func:`find_attached` for the types so far."""
        self._asked: set[int] = set()

    def learn(self, words: Iterable[int]) -> None:
        """Test the words that have not been tested yet."""
        fresh = {word for word in words if word not in self._asked}
        if fresh:
            self._asked |= fresh
            found = read_types(self._memory, self._layout, fresh)
            self.facts.update(found)
            self.attached |= find_attached(self._memory, self._layout, found)


class RawPages:
    """Pages of raw memory by slice: finds the size of the block at an address."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        pages = [page for segment in segments for page in segment.pages if page.heap == MEM_HEAP]
        self._pages = index_pages(pages)
        self.blocks = sum(page.used for page in pages)
        """Blocks in use."""

    def bytes_at(self, addresses: array[int], mask: bytes) -> int:
        """Return the bytes of the blocks of raw memory at some chosen addresses."""
        total = 0
        for number, count in count_slices(addresses, mask).items():
            page = self._pages.get(number)
            if page is not None:
                total += page.block * count
        return total

    def block_at(self, address: int) -> int:
        """Return the bytes of the block that an address leads into, 0 where it is none."""
        page = self._pages.get(address >> SLICE_BITS)
        return 0 if page is None else page.block


class Tally:
    """Instances by segment and type."""

    def __init__(self, layout: Layout, heap: HeapLayout, types: Types) -> None:
        self._layout = layout
        self._heap = heap
        self._types = types
        self.found: dict[int, dict[int, Found]] = {}
        """Address of the segment -> type -> its instances."""
        self.attached: dict[int, Counter[int]] = {}
        self.pages = 0

    def add(self, decoded: Iterable[tuple[Planned, Blocks]], raw: RawPages) -> None:
        """Add pages, and what hangs on the objects in them."""
        groups: dict[_Group, list[Blocks]] = {}
        for planned, blocks in decoded:
            self.pages += 1
            page = planned.page
            group = _Group(planned.segment, page.heap, page.block, blocks.stride)
            groups.setdefault(group, []).append(blocks)
        counted = {group: count_types(pages, group.heap) for group, pages in groups.items()}
        for group, types in counted.items():
            self._count(group, types)
        self._types.learn({word for types in counted.values() for word in types.counts})
        for group, types in counted.items():
            self._attach(group, groups[group], types, raw)

    def _count(self, group: _Group, types: TypeCounts) -> None:
        """Add the objects of some pages."""
        size = group.block
        found = self.found.setdefault(group.segment, {})
        for word, number in types.counts.items():
            before = found.get(word, NONE)
            found[word] = Found(
                before.instances + number,
                before.bytes + number * size,
                before.untracked + types.untracked.get(word, 0),
            )

    def _attach(self, group: _Group, pages: list[Blocks], types: TypeCounts, raw: RawPages) -> None:
        """Add the bytes that the containers in some pages have in raw memory."""
        attached = self._types.attached
        header = self._heap.header_at(group.heap)
        for word in types.counts:
            places = attached.get(word)
            if places is None:
                continue
            if places.is_deque:
                self._attach_deques(group, pages, types, word, raw)
                continue
            at = (header + places.at) // 8
            instead = None if places.instead is None else (header + places.instead) // 8
            # Of a large block only the beginning was read.
            if max(at, instead or 0) >= group.stride:
                continue
            mask = types.classes.select(word)
            pointers = _column(pages, at)
            total = 0
            if instead is not None:
                values = _column(pages, instead)
                present = mask_addresses(values, mask)
                if present is not None:
                    # A dictionary with ``ma_values`` shares its keys with others.
                    total += raw.bytes_at(values, present)
                    mask = leave_out(mask, present)
            total += raw.bytes_at(pointers, mask)
            self.attached.setdefault(group.segment, Counter())[word] += total

    def _attach_deques(
        self, group: _Group, pages: list[Blocks], types: TypeCounts, word: int, raw: RawPages
    ) -> None:
        """Add the blocks of deques; forget all about them if they are none."""
        first = (self._heap.header_at(group.heap) + self._types.attached[word].at) // 8
        columns = [_column(pages, first + each) for each in DEQUE_WORDS]
        mask = types.classes.select(word)
        chosen = compress(zip(*columns, strict=True), mask)
        deques = count_deque_blocks(chosen, raw.blocks)
        if deques is None:
            del self._types.attached[word]
            for each in self.attached.values():
                each.pop(word, None)
            return
        total = sum(raw.block_at(deque.address) * deque.blocks for deque in deques)
        self.attached.setdefault(group.segment, Counter())[word] += total


def _column(pages: list[Blocks], at: int) -> array[int]:
    """Return one word of each block."""
    return join_columns([page.words.column(at, page.stride) for page in pages])
