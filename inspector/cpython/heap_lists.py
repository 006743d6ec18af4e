"""Finds ``used`` and ``keys`` of ``mi_page_t`` by the lists of free blocks.

A part of :mod:`inspector.cpython.heap_discovery`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import CAPACITY, FREE
from inspector.cpython.heap_links import Link, Words, follow_list
from inspector.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_places import Entry
    from inspector.process.protocols import Memory

__all__ = ["Lists", "find_lists"]

MOST_PAGES: Final = 48
LARGEST_BLOCK: Final = 4096
FEWEST_PAGES: Final = 4

TORN: Final = 8
"""One page in this many may change while it is read."""

Placed = tuple["Entry", int, int]
"""A page, where its first block is, and how large blocks are."""


class Lists(NamedTuple):
    """What was found."""

    used: int
    keys: int | None
    pages: int
    """Pages that agree."""


class _Sample(NamedTuple):
    """A page and its blocks."""

    entry: Entry
    start: int
    words: Words


def find_lists(memory: Memory, pages: Sequence[Placed], lists: tuple[int, int], size: int) -> Lists:
    """Return where ``used`` and ``keys`` are in ``mi_page_t``, which has ``size`` bytes.

    ``lists`` are the offsets of ``local_free`` and ``xthread_free``.  Links are plain if the
    lists end; otherwise they are decoded with the keys right before ``xthread_free``.
    """
    local_free, thread_free = lists
    samples = _read_samples(memory, pages, local_free)
    for keys in (None, thread_free - 16):
        free = [_count_free(sample, (FREE, local_free), keys) for sample in samples]
        counted = []
        for each, number in zip(samples, free, strict=True):
            if number is not None:
                counted.append((each.entry, each.entry.half(CAPACITY) - number))
        if len(counted) < FEWEST_PAGES or len(counted) < len(samples) - len(samples) // TORN:
            continue
        found = [
            at
            for at in range(FREE + 8, size - 1, 2)
            if sum(entry.half(at) == used for entry, used in counted)
            >= len(counted) - len(counted) // TORN
        ]
        if len(found) == 1:
            return Lists(found[0], keys, len(counted))
        raise LayoutError(
            "mi_page_t.used",
            expected=f"one offset that counts the blocks of {len(counted)} pages",
            found=str(len(found)),
        )
    raise LayoutError(
        "mi_page_t.keys", expected=f"lists that end in {len(samples)} pages", found="others"
    )


def _read_samples(memory: Memory, pages: Sequence[Placed], local_free: int) -> list[_Sample]:
    """Return pages with free blocks, and their blocks."""
    # Pages with both lists show most.
    wanted = [page for page in pages if page[2] <= LARGEST_BLOCK]
    wanted.sort(key=lambda each: -bool(each[0].word(FREE)) - bool(each[0].word(local_free)))
    chosen = wanted[:MOST_PAGES]
    ranges = []
    for entry, start, block in chosen:
        ranges += [
            (entry.address, len(entry.data)),
            (start, min(entry.half(CAPACITY) * block, entry.slice + entry.room - start)),
        ]
    pieces = memory.read_many(ranges)
    samples = []
    for (entry, start, _), head, data in zip(chosen, pieces[::2], pieces[1::2], strict=True):
        if head is not None and data is not None:
            words = Words.of(data[: len(data) // 8 * 8])
            samples.append(_Sample(entry._replace(data=head), start, words))
    return samples


def _count_free(sample: _Sample, lists: tuple[int, int], keys: int | None) -> int | None:
    """Return the number of blocks in some lists of a page; None if one does not end."""
    entry = sample.entry
    link = None
    if keys is not None:
        link = Link(entry.address, entry.word(keys), entry.word(keys + 8))
    total = 0
    for at in lists:
        places, ends = follow_list(
            sample.words, entry.word(at), sample.start, entry.half(CAPACITY), link
        )
        if not ends:
            return None
        total += len(places)
    return total
