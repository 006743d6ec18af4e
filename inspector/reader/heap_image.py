"""All memory of a process that can hold a reference, copied at one instant.

The live blocks of the heap, by page, and every other page that the process has written to:
stacks, static memory, what other allocators gave out, registers.  Free blocks of the heap are
set to 0 in the copy: what stands in them is left from before.
"""

from __future__ import annotations

import os
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.collector import plan_collector, read_collector
from inspector.cpython.heap_blocks import find_free_blocks
from inspector.cpython.heap_layout import SEGMENT, SLICE
from inspector.cpython.heap_links import Words
from inspector.cpython.heap_pages import find_boundaries, read_segments
from inspector.cpython.pool import LOCKED, read_pool, split_table
from inspector.cpython.runtime_lists import read_interpreters, read_threads
from inspector.cpython.words import decode_signed
from inspector.errors import Unsettled
from inspector.process.data_pages import find_data_pages
from inspector.reader.heap_plan import may_have_objects
from inspector.reader.heap_scene import delayed_ranges, follow_delayed, read_owners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Page, Segment
    from inspector.cpython.layout import Layout
    from inspector.process.data_pages import DataPages
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range
    from inspector.reader.heap_copy import Buffer, Copy
    from inspector.reader.heap_scene import HeapOwner

__all__ = ["HeapImage", "ImagePage", "copy_image"]

TRIES: Final = 8
"""Pauses that may fall into the middle of a merge, or of a change of a segment."""

MEGABYTE: Final = 1 << 20

SLICE_BITS: Final = SLICE.bit_length() - 1


class ImagePage(NamedTuple):
    """A page of the heap, and the words of its blocks."""

    page: Page
    words: Words
    stride: int
    """Words of a block."""
    header: int
    """Word of a block at which the object begins; -1 in a page of raw memory."""
    sound: bool = True
    """The lists of free blocks add up."""
    free: frozenset[int] = frozenset()
    """Indices of blocks that are not in use; their words are 0."""


class Counters(NamedTuple):
    """What the threads of one interpreter counted for it."""

    quiet: bool
    """No contribution was just being moved to a header."""
    by_address: dict[int, int]
    """Address of an object with a unique id -> references that threads counted."""


class HeapImage:
    """A copy of what of a process can hold references."""

    def __init__(
        self,
        pages: list[ImagePage],
        others: list[tuple[int, Words]],
        counters: list[Counters],
        unsearched: list[str],
        pause_ns: int | None,
    ) -> None:
        self.pages = pages
        self.others = others
        """Address and words of each run of memory that is not of the heap."""
        self.counters = counters
        self.unsearched = unsearched
        """What could not be searched; empty where nothing was left out."""
        self.pause_ns = pause_ns
        """None for a process that ran on."""
        self._by_slice: dict[int, ImagePage] = {}
        for page in pages:
            self._index(page)

    def replace(self, number: int, page: ImagePage) -> None:
        """Put a page in the place of what was known of it before."""
        self.pages[number] = page
        self._index(page)

    def _index(self, page: ImagePage) -> None:
        """Note the slices that a page takes."""
        first = page.page.slice >> SLICE_BITS
        for number in range(first, first + max(1, page.page.room >> SLICE_BITS)):
            self._by_slice[number] = page

    def regions(self) -> list[Words]:
        """Return all words of the image."""
        return [*(page.words for page in self.pages), *(words for _, words in self.others)]

    def find_block(self, address: int) -> tuple[ImagePage, int] | None:
        """Return the page and the index of the live block that an address leads into."""
        page = self._by_slice.get(address >> SLICE_BITS)
        if page is None:
            return None
        index = (address - page.page.start) // page.page.block
        if not 0 <= index < page.page.capacity or index in page.free:
            return None
        return page, index

    def read_words(self, address: int, number: int) -> array[int] | None:
        """Return so many words from an aligned address in one block; None where there is none."""
        found = self.find_block(address)
        if found is None:
            return None
        page, index = found
        at = (address - page.page.start) // 8
        end = min(at + number, (index + 1) * page.stride)
        first = page.words.first
        return page.words.values[first + at : first + end]


class _Copied(NamedTuple):
    """What one pause yields."""

    segments: list[Segment]
    owners: dict[int, HeapOwner]
    counters: list[Counters]
    pages: list[Page]
    data: DataPages
    ranges: list[Range]
    copy: Copy
    hidden: list[bytes | None]


def copy_image(
    process: OtherProcess,
    layout: Layout,
    heap: HeapLayout,
    buffer: Buffer,
    *,
    pause_limit: float | None,
    memory: int,
) -> HeapImage:
    """Copy another process, stopped for at most ``pause_limit`` seconds; None: while it runs.

    ``memory`` limits the bytes that are copied.  Raises :class:`Unsettled` for a process that
    is larger, or is never met between two merges of counts.
    """
    _reserve(process, heap, buffer, memory)
    world = None if pause_limit is None else process.stopped(pause_limit)
    for number in range(TRIES):
        with ExitStack() as stack:
            if world is not None:
                stack.enter_context(world.hold(registers=True))
            must_be_quiet = world is not None and number < TRIES - 1
            copied = _copy(process, layout, heap, buffer, memory, must_be_quiet=must_be_quiet)
        if copied is not None:
            registers = None if world is None else world.registers
            pause_ns = None if world is None else world.pause_ns
            return _decode(heap, copied, registers, pause_ns)
    raise Unsettled(
        f"the heap of process {process.pid} changed in all of {TRIES} readings",
        tries=TRIES,
        hint="try again while it does less",
    )


def _reserve(process: OtherProcess, heap: HeapLayout, buffer: Buffer, memory: int) -> None:
    """Make room for a copy before the process is stopped for it."""
    segments, _ = read_segments(process.memory, heap, find_boundaries(process.pid))
    pages = [page for segment in segments for page in segment.pages if page.used]
    runs = _without_segments(find_data_pages(process.pid).readable, segments)
    size = sum(_block_range(page)[1] + heap.page for page in pages)
    size += sum(length for _, length in runs)
    _refuse_large(process.pid, size, memory)
    buffer.reserve(min(size + size // 8 + MEGABYTE, memory))


def _refuse_large(pid: int, size: int, memory: int) -> None:
    """Raise :class:`Unsettled` for more bytes than may be copied."""
    if size > memory:
        raise Unsettled(
            f"a copy of the memory of process {pid} takes {size / MEGABYTE:.0f} MB, more than "
            f"the {memory / MEGABYTE:.0f} MB allowed",
            tries=0,
            hint=f"--memory {-(-size * 9 // 8 // MEGABYTE)}",
        )


def _block_range(page: Page) -> Range:
    """Return where the blocks of a page are."""
    return page.start, min(page.capacity * page.block, page.slice + page.room - page.start)


def _copy(
    process: OtherProcess,
    layout: Layout,
    heap: HeapLayout,
    buffer: Buffer,
    memory: int,
    *,
    must_be_quiet: bool,
) -> _Copied | None:
    """Copy once; None where a segment, or a count of references, was just changing."""
    counters = _read_counters(process.memory, layout)
    if must_be_quiet and not all(counter.quiet for counter in counters):
        return None
    segments, torn = read_segments(process.memory, heap, find_boundaries(process.pid))
    if torn and must_be_quiet:
        return None
    owners = read_owners(process.memory, layout, heap)
    data = find_data_pages(process.pid)
    pages = [page for segment in segments for page in segment.pages if page.used]
    runs = _without_segments(data.readable, segments)
    ranges = delayed_ranges(heap, list(owners))
    for page in pages:
        ranges += [(page.entry, heap.page), _block_range(page)]
    ranges += runs
    _refuse_large(process.pid, sum(size for _, size in ranges), memory)
    copy = buffer.copy(process.memory, ranges)
    hidden = [_read_hidden(process.pid, run) for run in data.hidden]
    return _Copied(segments, owners, counters, pages, data, ranges, copy, hidden)


def _read_hidden(pid: int, run: Range) -> bytes | None:
    """Return memory that the process itself must not read; a tracer may."""
    try:
        descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        piece = os.pread(descriptor, run[1], run[0])
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return piece if len(piece) == run[1] else None


def _read_counters(memory: Memory, layout: Layout) -> list[Counters]:
    """Return what threads counted, by interpreter."""
    found = []
    for interpreter in read_interpreters(memory, layout.published, layout.runtime):
        pool = read_pool(memory, interpreter + layout.unique_ids)
        collector = read_collector(memory, plan_collector(memory, layout.published, interpreter))
        quiet = not collector.collecting and not pool.mutex & LOCKED and pool.plausible
        threads = read_threads(memory, layout.published, interpreter, layout.refcounts)
        fitting = [thread for thread in threads if thread.fits(pool)] if pool.plausible else []
        pieces = memory.read_many([(each.values, 8 * each.size) for each in fitting])
        arrays = [decode_signed(piece) for piece in pieces if piece]
        members = {}
        if pool.plausible and pool.size:
            members = split_table(memory.read(*pool.table_range), pool)
        by_address = {
            address: sum(values[index] for values in arrays if index < len(values))
            for index, address in members.items()
        }
        complete = len(fitting) == len(threads) and None not in pieces
        found.append(Counters(quiet and complete, by_address))
    return found


def _without_segments(runs: Sequence[Range], segments: Sequence[Segment]) -> list[Range]:
    """Return runs of memory without the segments of the heap; both are in order."""
    taken = []
    for segment in sorted(segments, key=lambda each: each.address):
        ends = [page.slice + page.room for page in segment.pages]
        taken.append((segment.address, max([segment.address + SEGMENT, *ends])))
    rest: list[Range] = []
    place = 0
    for start, size in sorted(runs):
        end = start + size
        while place < len(taken) and taken[place][1] <= start:
            place += 1
        at = start
        number = place
        while number < len(taken) and taken[number][0] < end:
            if taken[number][0] > at:
                rest.append((at, taken[number][0] - at))
            at = max(at, taken[number][1])
            number += 1
        if at < end:
            rest.append((at, end - at))
    return rest


def _decode(
    heap: HeapLayout, copied: _Copied, registers: bytes | None, pause_ns: int | None
) -> HeapImage:
    """Take a copy apart."""
    copy, number = copied.copy, len(copied.owners)
    unsearched = [f"{name}: unknown pages" for name in copied.data.unknown]
    pages: list[ImagePage] = []
    entries: list[bytes] = []
    for page in copied.pages:
        entry, words = copy.piece(number), copy.words(number + 1)
        number += 2
        if entry is None or words is None:
            unsearched.append(f"{page.start:#x}: a page of the heap")
            continue
        header = heap.header_at(page.heap) // 8 if may_have_objects(heap, page) else -1
        pages.append(ImagePage(page, words, page.block // 8, header))
        entries.append(entry)
    others: list[tuple[int, Words]] = []
    for address, size in copied.ranges[number:]:
        words = copy.words(number)
        number += 1
        if words is None:
            unsearched.append(f"{address:#x}: {size:,} bytes")
        else:
            others.append((address, words))
    for (address, size), piece in zip(copied.data.hidden, copied.hidden, strict=True):
        if piece is None:
            unsearched.append(f"{address:#x}: {size:,} bytes that the process must not read")
        else:
            others.append((address, Words.of(piece)))
    if registers is not None:
        others.append((0, Words.of(registers.ljust(-(-len(registers) // 8) * 8, b"\0"))))
    elif pause_ns is not None:
        unsearched.append("registers")
    image = HeapImage(pages, others, copied.counters, unsearched, pause_ns)
    _clear_free_blocks(heap, image, entries, copied)
    return image


def _clear_free_blocks(
    heap: HeapLayout, image: HeapImage, entries: Sequence[bytes], copied: _Copied
) -> None:
    """Set the words of blocks that are not in use to 0, and note which these are."""

    def word(address: int) -> int:
        found = image.read_words(address, 1)
        return found[0] if found else 0

    owners = list(copied.owners)
    pieces = [copied.copy.piece(each) for each in range(len(owners))]
    delayed: dict[int, set[int]] = {}
    for address in follow_delayed(heap, owners, pieces, word):
        found = image.find_block(address)
        if found is not None:
            delayed.setdefault(found[0].page.entry, set()).add(found[1])
    for number, (each, entry) in enumerate(zip(image.pages, entries, strict=True)):
        page, words, stride = each.page, each.words, each.stride
        free, sound = find_free_blocks(heap, page, entry, words, stride)
        if sound:
            free += delayed.get(page.entry, ())
            nothing = array("Q", bytes(page.block))
            for index in free:
                at = words.first + index * stride
                words.values[at : at + stride] = nothing
        image.replace(number, each._replace(sound=sound, free=frozenset(free if sound else ())))
