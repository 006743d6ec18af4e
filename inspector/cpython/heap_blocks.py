"""Which blocks of a page are live, and of which types: the bytes of one page, taken apart.

A block is live if its index is below the page's capacity and it is in no list of free
blocks: ``free``, ``local_free``, ``xthread_free`` of its page, ``thread_delayed_free`` of
the heap.  An object that CPython keeps for reuse (``_Py_freelists``) is in none of these;
nobody refers to it, which its header says.

Runs once for each page and as little as possible for each block: strides of whole pages
are taken by slices, and equal words are counted as bytes.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import CAPACITY, FREE, GC_HEAP
from inspector.cpython.heap_links import follow_cut, follow_list, link_of
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from collections.abc import Collection

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_links import Words
    from inspector.cpython.heap_pages import Page

__all__ = ["Blocks", "count_blocks", "count_words"]

DEAD: Final = 0x7F7F_7F7F_7F7F
"""Stands for a block that is not live: no address of a type ends in these digits."""

MOST_ROUNDS: Final = 20
"""Different words that are counted one by one; a dictionary counts the rest."""

OB_REF_SHARED, OB_TYPE = 2, 3
"""Words of an object's header, see :mod:`inspector.cpython.refcount`."""

GC_BITS, LOCAL = 3, 4
"""Bytes of its second word."""

MERGED: Final = 3
"""``ob_ref_shared`` of an object that was merged, and has no reference left."""

TRACKED: Final = bytes(each & 1 for each in range(256))
"""Makes 0 or 1 of ``ob_gc_bits``: ``_PyGC_BITS_TRACKED``."""

INVERTED: Final = bytes([1, 0]) + bytes(254)

RUN: Final = 64
"""Equal words that are compared at once."""

FEW: Final = 8
"""Of so many blocks one is sooner looked up by itself than all are sieved."""


class Blocks(NamedTuple):
    """The live blocks of a page, by the words that stand where objects have their type."""

    counts: dict[int, int]
    untracked: dict[int, int]
    """Of these, those that the collector does not track."""
    consistent: bool
    """The lists and the number of used blocks agree."""
    types: array[int]
    """That word of each block; :data:`DEAD` where the block is not live."""
    words: Words
    """All that was read of the blocks."""
    stride: int
    """Words that were read of each."""


def count_blocks(
    layout: HeapLayout, page: Page, entry: bytes, words: Words, delayed: Collection[int] = ()
) -> Blocks:
    """Count the live blocks of a page.

    ``entry`` are the bytes of its ``mi_page_t``, ``words`` those of its blocks up to the
    planned capacity, or as many of each block, read right afterwards.  ``delayed`` are
    addresses of blocks on the list of the heap.
    """
    stride = words.size // page.capacity
    consistent = (
        _half(entry, CAPACITY) == page.capacity
        and int.from_bytes(entry[layout.block_size : layout.block_size + 4], "little")
        == page.block & 0xFFFF_FFFF
        and entry[layout.tag_byte] >> layout.tag_shift & 15 == page.heap
    )
    free, sound = _free_blocks(layout, page, entry, words, stride)
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
    counts = count_words(types)
    counts.pop(DEAD, None)
    untracked = counts
    if page.heap >= GC_HEAP:
        tracked = second[GC_BITS::8].translate(TRACKED)
        untracked = _untracked(types, tracked) if 0 in tracked else {}
    return Blocks(counts, untracked, consistent and sound, types, words, stride)


def _half(entry: bytes, at: int) -> int:
    """Return the 16 bits at an offset."""
    return int.from_bytes(entry[at : at + 2], "little")


def _free_blocks(
    layout: HeapLayout, page: Page, entry: bytes, words: Words, stride: int
) -> tuple[list[int], bool]:
    """Return the indices of blocks in the lists of a page, and whether all of that adds up."""
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
    # Blocks that other threads freed still count as used.
    return indices, sound and lengths[0] + lengths[1] == page.capacity - used


def _bury_unreferenced(
    types: array[int], second: bytes, words: Words, shared: int, stride: int
) -> None:
    """Mark what nobody refers to: a local count of 0, and a shared one of 0, merged or not."""
    low = second[LOCAL::8]
    index = low.find(0)
    if index < 0:
        return
    column = words.column(shared, stride)
    while index >= 0:
        if column[index] in (0, MERGED) and not any(second[8 * index + LOCAL : 8 * index + 8]):
            types[index] = DEAD
        index = low.find(0, index + 1)


def _untracked(types: array[int], tracked: bytes) -> dict[int, int]:
    """Return how many live blocks of each type are not tracked."""
    if tracked.count(0) > len(tracked) // FEW:
        found = count_words(array("Q", compress(types, tracked.translate(INVERTED))))
        found.pop(DEAD, None)
        return found
    found = {}
    index = tracked.find(0)
    while index >= 0:
        word = types[index]
        if word != DEAD:
            found[word] = found.get(word, 0) + 1
        index = tracked.find(0, index + 1)
    return found


def _without(data: bytes, word: bytes, number: int) -> bytes:
    """Return words but for those that are equal to one, which occurs so often.

    Comparing a run of equal words at once is much faster than finding each of them.
    """
    if number * 8 > len(data) - len(data) // FEW:
        run = word * RUN
        size = len(run)
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        data = b"".join([piece for piece in pieces if piece != run])
    return data.replace(word, b"")


def count_words(words: array[int]) -> dict[int, int]:
    """Return how often each word occurs.

    Counts a word by searching for its bytes.  That finds no misaligned one as long as
    bytes 6 and 7 of all words are 0 (addresses of user space), byte 5 of none is, and
    none of bytes 2 to 5 of the word searched for: wherever else it began, one of those
    would have to match one of these.
    """
    data = words.tobytes()
    size = len(words)
    counts: dict[int, int] = {}
    if data[6::8].count(0) == data[7::8].count(0) == size and 0 not in data[5::8]:
        for _ in range(MOST_ROUNDS):
            if not data:
                return counts
            word = data[:8]
            if 0 in word[2:6]:
                break
            number = data.count(word)
            counts[int.from_bytes(word, "little")] = number
            if 8 * number == len(data):
                return counts
            data = _without(data, word, number)
    counts.update(Counter(memoryview(data).cast("Q").tolist()))
    return counts
