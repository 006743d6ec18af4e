"""Follows lists of free blocks in a copy of a page.

Links are plain addresses, or encoded in builds that detect overwritten free blocks
(``MI_ENCODE_FREELIST``, as in a pydebug build); heads of lists are always plain.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Page

__all__ = ["Link", "Words", "follow_cut", "follow_list", "link_of"]

ROTATION: Final = 63
MASK: Final = (1 << 64) - 1


class Words(NamedTuple):
    """Memory of a process as 64-bit words, part of a larger array."""

    values: array[int]
    first: int
    size: int

    @classmethod
    def of(cls, data: bytes) -> Words:
        """Return bytes as words."""
        words = array("Q")
        words.frombytes(data)
        return cls(words, 0, len(words))

    def column(self, at: int, stride: int) -> array[int]:
        """Return every ``stride``-th word, beginning with the first one given."""
        return self.values[self.first + at : self.first + self.size : stride]


class Link(NamedTuple):
    """The keys of encoded links; see ``mi_ptr_decode`` (mimalloc/internal.h)."""

    null: int
    first: int
    second: int

    def decode(self, word: int) -> int:
        """Return the address that a link leads to, 0 for none."""
        distance = self.first & ROTATION
        turned = (word - self.first) & MASK
        turned = (turned >> distance | turned << (64 - distance)) & MASK
        address = turned ^ self.second
        return 0 if address == self.null else address


def link_of(layout: HeapLayout, page: Page, entry: bytes) -> Link | None:
    """Return the keys of a page's links; None for plain addresses."""
    if layout.keys is None:
        return None
    return Link(page.entry, word_at(entry, layout.keys), word_at(entry, layout.keys + 8))


def follow_list(
    words: Words, head: int, start: int, limit: int, link: Link | None
) -> tuple[list[int], bool]:
    """Return the blocks of a list as indices of words, and whether the list ends.

    ``words`` are the words of the page from address ``start`` on.  A list that leaves the
    page, or has more than ``limit`` blocks, does not end.
    """
    places: list[int] = []
    values, first, size = words
    address = head
    while address:
        place = (address - start) >> 3
        if not 0 <= place < size or address & 7 or len(places) == limit:
            return places, False
        places.append(place)
        address = values[first + place]
        if link is not None:
            address = link.decode(address)
    return places, True


def follow_cut(
    words: Words, head: int, page: Page, stride: int, link: Link | None
) -> tuple[list[int], bool]:
    """Do the same as :func:`follow_list` if only the beginning of each block was read."""
    places: list[int] = []
    values, first, _ = words
    address = head
    while address:
        index, rest = divmod(address - page.start, page.block)
        if rest or not 0 <= index < page.capacity or len(places) == page.capacity:
            return places, False
        places.append(index * stride)
        address = values[first + index * stride]
        if link is not None:
            address = link.decode(address)
    return places, True
