"""Which blocks of a heap nothing outside of the heap leads to.

Follows every aligned word, weak references too, from stacks, registers, static memory and
other allocators on.  What is left reaches only itself: garbage that a collection frees, and
what hangs on objects that native code lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.reader.orphans import OB_TYPE, list_addresses
from inspector.reader.word_search import find_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inspector.reader.heap_image import HeapImage, ImagePage

__all__ = ["Unreachable", "find_unreachable"]

MOST_ADDRESSES: Final = 1 << 22
"""Addresses inside of blocks that are looked for; more unreachable blocks are not told."""

SHIFTS: Final = (8, 16)
"""Where an array begins in a block of raw memory, other than at its beginning."""


class Unreachable:
    """The live blocks that nothing outside of them leads to."""

    def __init__(self, image: HeapImage, known: set[int], blocks: set[int]) -> None:
        self._image = image
        self._known = known
        self.blocks = blocks
        """Addresses of blocks."""

    def take(self, addresses: Iterable[int]) -> set[int]:
        """Remove what some objects lead to, themselves included, and return those blocks."""
        taken: set[int] = set()
        waiting = list(addresses)
        while waiting:
            found = self._image.find_block(waiting.pop())
            if found is None:
                continue
            page, index = found
            start = page.page.start + index * page.page.block
            if start in self.blocks:
                self.blocks.discard(start)
                taken.add(start)
                waiting += filter(self._known.__contains__, _words_of(page, index))
        return taken

    def list_objects(self) -> Iterator[tuple[int, int, int]]:
        """Yield (address, type word, bytes of the block) of the objects among the blocks."""
        for start in sorted(self.blocks):
            found = self._image.find_block(start)
            if found is not None and found[0].header >= 0:
                page, index = found
                at = page.words.first + index * page.stride + page.header + OB_TYPE
                yield start + 8 * page.header, page.words.values[at], page.page.block


def find_unreachable(image: HeapImage) -> Unreachable | None:
    """Return the blocks that nothing outside of the heap leads to; None for too many."""
    known: set[int] = set()
    live: set[int] = set()
    for page in image.pages:
        starts = [
            page.page.start + index * page.page.block
            for index in range(page.page.capacity)
            if index not in page.free
        ]
        live.update(starts)
        if page.header >= 0:
            known.update(list_addresses(page))
        else:
            known.update(starts, *([start + shift for start in starts] for shift in SHIFTS))
    left = Unreachable(image, known, live)
    for _, words in image.others:
        values = words.values[words.first : words.first + words.size]
        left.take(filter(known.__contains__, values))
    while left.blocks:
        inside = _list_inside(image, left.blocks)
        if inside is None:
            return None
        led_to = _find_led_to(image, inside, left.blocks)
        if not led_to:
            break
        left.take(led_to)
    return left


def _words_of(page: ImagePage, index: int) -> Iterable[int]:
    """Return the words of one block."""
    first = page.words.first + index * page.stride
    return page.words.values[first : first + page.stride]


def _list_inside(image: HeapImage, blocks: set[int]) -> set[int] | None:
    """Return all addresses in some blocks; None for too many."""
    inside: set[int] = set()
    for start in blocks:
        found = image.find_block(start)
        size = 0 if found is None else found[0].page.block
        if len(inside) + size > MOST_ADDRESSES:
            return None
        inside.update(range(start, start + size))
    return inside


def _find_led_to(image: HeapImage, inside: set[int], blocks: set[int]) -> list[int]:
    """Return the words of all other memory that lead into some blocks."""
    found: list[int] = []
    for _, words in image.others:
        found += [word for _, word in find_words(words, inside)]
    for page in image.pages:
        for place, word in find_words(page.words, inside):
            if page.page.start + place // page.stride * page.page.block not in blocks:
                found.append(word)
    return found
