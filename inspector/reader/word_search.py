"""Which words of an image lead to objects, or into their blocks, at any byte offset."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_links import Words
    from inspector.reader.heap_image import HeapImage

__all__ = ["Sought", "find_words", "search_words"]

FEW: Final = 3
"""Words that are searched for one by one."""

PREFIX: Final = 3
"""Bytes of a word that are searched for: the others are the same in many words."""

LARGE: Final = 1 << 10
"""Bytes of a block from which on not each of its addresses is noted by itself."""

MOST_ADDRESSES: Final = 1 << 21
"""Addresses that are looked for in one pass."""

TAGS: Final = 3
"""The lowest bits of a word may be flags."""

GRANULE_BITS: Final = 12


class Sought(NamedTuple):
    """An object and its block."""

    address: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """The address behind its block."""
        return self.start + self.size

    def is_held_by(self, word: int) -> bool:
        """Whether a word is a reference, which may have a tag in its lowest two bits."""
        return 0 <= word - self.address <= TAGS

    def is_inside(self, word: int) -> bool:
        """Whether a word leads into the block, and is no reference."""
        return self.start <= word < self.end and not self.is_held_by(word)


def find_words(words: Words, wanted: set[int]) -> list[tuple[int, int]]:
    """Return (index, word) of those aligned words that are wanted."""
    values = words.values[words.first : words.first + words.size]
    if len(wanted) > FEW:
        if wanted.isdisjoint(values):
            return []
        return [(index, word) for index, word in enumerate(values) if word in wanted]
    data = values.tobytes()
    found = []
    for word in wanted:
        whole = word.to_bytes(8, "little")
        begin = whole[:PREFIX]
        at = data.find(begin)
        while at >= 0:
            if not at % 8 and data[at : at + 8] == whole:
                found.append((at // 8, word))
            at = data.find(begin, at + 1)
    return found


def search_words(image: HeapImage, sought: Sequence[Sought]) -> dict[int, tuple[int, int]]:
    """Return the address of each object -> words that hold it, words that point into its block.

    A word with a tag in its lowest two bits holds the object.  A large block's own words that
    point into it are not counted: a type's structure has some.
    """
    found: dict[int, tuple[int, int]] = {}
    group: list[Sought] = []
    size = 0
    for each in sought:
        group.append(each)
        size += min(each.size, LARGE)
        if size > MOST_ADDRESSES:
            found.update(_search_group(image, group))
            group, size = [], 0
    if group:
        found.update(_search_group(image, group))
    return found


def _search_group(image: HeapImage, sought: list[Sought]) -> dict[int, tuple[int, int]]:
    """Search for some objects in one pass over everything."""
    owner: dict[int, Sought] = {}
    large: dict[int, list[Sought]] = {}
    for each in sought:
        if each.size <= LARGE:
            owner.update(dict.fromkeys(range(each.start, each.end), each))
        else:
            owner.update(dict.fromkeys(range(each.address, each.address + TAGS + 1), each))
            for granule in range(each.start >> GRANULE_BITS, (each.end - 1 >> GRANULE_BITS) + 1):
                large.setdefault(granule, []).append(each)
    hits: Counter[int] = Counter()
    inner: Counter[int] = Counter()
    known = owner.__contains__
    fifth = {each.start >> 40 & 0xFF for each in sought}
    for words in image.regions():
        values = words.values[words.first : words.first + words.size]
        hits.update(filter(known, values))
        if large:
            _note_large(values, large, inner)
        _search_unaligned(values.tobytes(), owner, fifth, hits)
    exact: Counter[int] = Counter()
    for word, number in hits.items():
        each = owner[word]
        held = exact if each.is_held_by(word) else inner
        held[each.address] += number
    for each in sought:
        if each.size > LARGE:
            inner[each.address] -= sum(map(each.is_inside, _own_words(image, each)))
    return {each.address: (exact[each.address], inner[each.address]) for each in sought}


def _own_words(image: HeapImage, sought: Sought) -> Sequence[int]:
    """Return the words of an object's own block."""
    return image.read_words(sought.start, sought.size // 8) or ()


def _note_large(values: Sequence[int], large: dict[int, list[Sought]], inner: Counter[int]) -> None:
    """Count the words that lead into large blocks."""
    for word in [value for value in values if value >> GRANULE_BITS in large]:
        for each in large[word >> GRANULE_BITS]:
            if each.is_inside(word):
                inner[each.address] += 1


def _search_unaligned(
    data: bytes, owner: dict[int, Sought], fifth: set[int], hits: Counter[int]
) -> None:
    """Count words at offsets that are no multiple of 8.

    Where one begins, the sixth byte from there is one of ``fifth``: few bytes are, at any
    offset but the aligned one.
    """
    for shift in range(1, 8):
        at = (shift + 5) % 8
        plane = data[at::8]
        for byte in fifth:
            place = plane.find(byte)
            while place >= 0:
                # The word begins five bytes before this one.
                begin = 8 * place + at - 5
                if begin >= 0 and data[begin + 6 : begin + 8] == b"\0\0":
                    word = int.from_bytes(data[begin : begin + 8], "little")
                    if word in owner:
                        hits[word] += 1
                place = plane.find(byte, place + 1)
