"""Counts the live blocks of one page by type, from a copy of its bytes.

A block is live if its index is below the page's capacity and it is in no list of free
blocks: ``free``, ``local_free``, ``xthread_free`` of its page, ``thread_delayed_free`` of
the heap.  An object that CPython keeps for reuse (``_Py_freelists``) is in none of these
lists, but its header says that it has no reference.

As little as possible is done for each block: strides of whole pages are taken by slices, and
equal words of several pages are told apart as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_columns import CHOSEN, classify_words, join_columns
from inspector.cpython.heap_layout import CAPACITY, FREE, GC_HEAP
from inspector.cpython.heap_links import follow_cut, follow_list, link_of
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection, Sequence

    from inspector.cpython.heap_columns import WordClasses
    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_links import Words
    from inspector.cpython.heap_pages import Page

__all__ = ["Blocks", "TypeCounts", "count_types", "find_free_blocks", "find_live_blocks"]

DEAD: Final = 0x7F7F_7F7F_7F7F
"""Replaces the type of a block that is not live: no type has an address like this."""

OB_REF_SHARED, OB_TYPE = 2, 3
"""Words of an object's header; see :mod:`inspector.cpython.refcount`."""

GC_BITS, LOCAL = 3, 4
"""Bytes of its second word."""

MERGED: Final = 3
"""``ob_ref_shared`` of a merged object without references."""

UNTRACKED: Final = bytes(0 if each & 1 else CHOSEN for each in range(256))
"""Table for ``bytes.translate``: 1 for ``ob_gc_bits`` without ``_PyGC_BITS_TRACKED``."""


class Blocks(NamedTuple):
    """The blocks of a page."""

    types: array[int]
    """The word of each that stands where objects have their type; :data:`DEAD` where it is not
    live."""
    second: bytes
    """The second word of what would be their headers."""
    consistent: bool
    """The lists and the number of used blocks agree."""
    words: Words
    """All words that were read of the blocks."""
    stride: int
    """Words that were read of each block."""


class TypeCounts(NamedTuple):
    """The live blocks of some pages, by that word."""

    counts: dict[int, int]
    untracked: dict[int, int]
    """Of these, those that the collector does not track."""
    classes: WordClasses
    """The words of all blocks."""


def find_live_blocks(
    layout: HeapLayout, page: Page, entry: bytes, words: Words, delayed: Collection[int] = ()
) -> Blocks:
    """Return the blocks of a page, and which of them are live.

    ``entry`` has the bytes of its ``mi_page_t``, ``words`` those of its blocks up to the
    planned capacity, or the beginning of each block, read right after ``entry``.  ``delayed``
    has the addresses of blocks in the heap's ``thread_delayed_free``.
    """
    stride = words.size // page.capacity
    consistent = (
        _half(entry, CAPACITY) == page.capacity
        and int.from_bytes(entry[layout.block_size : layout.block_size + 4], "little")
        == page.block & 0xFFFF_FFFF
        and entry[layout.tag_byte] >> layout.tag_shift & 15 == page.heap
    )
    free, sound = find_free_blocks(layout, page, entry, words, stride)
    for address in delayed:
        index, rest = divmod(address - page.start, page.block)
        if not rest and 0 <= index < page.capacity:
            free.append(index)
    header = layout.header_at(page.heap) // 8
    types = words.column(header + OB_TYPE, stride)
    for index in free:
        types[index] = DEAD
    # ob_flags (16 bits), ob_mutex (8), ob_gc_bits (8), ob_ref_local (32).
    second = words.column(header + 1, stride).tobytes()
    _bury_unreferenced(types, second, words, header + OB_REF_SHARED, stride)
    return Blocks(types, second, consistent and sound, words, stride)


def count_types(pages: Sequence[Blocks], heap: int) -> TypeCounts:
    """Count the live blocks of pages of one heap, given by its number."""
    classes = classify_words(join_columns([page.types for page in pages]))
    counts = dict(classes.counts)
    counts.pop(DEAD, None)
    untracked = counts
    if heap >= GC_HEAP:
        mask = b"".join([each.second[GC_BITS::8] for each in pages]).translate(UNTRACKED)
        untracked = classes.count_where(mask) if CHOSEN in mask else {}
        untracked.pop(DEAD, None)
    return TypeCounts(counts, untracked, classes)


def _half(entry: bytes, at: int) -> int:
    """Return the 16 bits at an offset."""
    return int.from_bytes(entry[at : at + 2], "little")


def find_free_blocks(
    layout: HeapLayout, page: Page, entry: bytes, words: Words, stride: int
) -> tuple[list[int], bool]:
    """Return the indices of free blocks, and whether they agree with ``mi_page_t.used``.

    ``stride`` is the number of words that were read of each block.
    """
    heads = (
        word_at(entry, FREE),
        word_at(entry, layout.local_free),
        word_at(entry, layout.thread_free) & ~3,
    )
    used = _half(entry, layout.used)
    if not any(heads):
        return [], used == page.capacity
    link = link_of(layout, page, entry)
    free: list[int] = []
    lengths: list[int] = []
    sound = True
    for head in heads:
        if 8 * stride != page.block:
            places, ends = follow_cut(words, head, page, stride, link)
        else:
            places, ends = follow_list(words, head, page.start, page.capacity, link)
        sound &= ends
        lengths.append(len(places))
        free += places
    aligned = [place for place in free if not place % stride]
    indices = [place // stride for place in aligned]
    sound &= len(set(indices)) == len(free)
    # ``used`` includes blocks that other threads have freed.
    return indices, sound and lengths[0] + lengths[1] == page.capacity - used


def _bury_unreferenced(
    types: array[int], second: bytes, words: Words, shared: int, stride: int
) -> None:
    """Mark objects without references: local and shared count are 0, merged or not."""
    low = second[LOCAL::8]
    index = low.find(0)
    if index < 0:
        return
    column = words.column(shared, stride)
    while index >= 0:
        if column[index] in (0, MERGED) and not any(second[8 * index + LOCAL : 8 * index + 8]):
            types[index] = DEAD
        index = low.find(0, index + 1)
