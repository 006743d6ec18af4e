"""Counts equal words of a page without a loop over the words.

Splits the words into eight columns, one for each byte.  If one column (the key) differs
wherever words differ, equal bytes of this column mean equal words, and ``bytes.translate``
and ``bytes.count`` select and count the words of a whole page.
"""

from __future__ import annotations

from array import array
from collections import Counter
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CHOSEN",
    "SLICE_BYTES",
    "WordClasses",
    "classify_words",
    "count_slices",
    "join_columns",
    "leave_out",
    "mask_addresses",
    "mask_bytes",
]

TYPE_KEY: Final = 1
"""The byte in which addresses of types differ most; they are multiples of 16."""

INVERT: Final = bytes(range(255, -1, -1))
"""Table for ``bytes.translate`` that inverts a mask."""

ALL_BYTES: Final = bytes(range(256))

SLICE_BYTES: Final = range(2, 6)
"""The bytes of an address of 48 bits that name its slice."""

NOT_NULL: Final = bytes(1) + bytes([255]) * 255
"""Table for ``bytes.translate`` that makes a mask of what is not 0."""

MOST_CLASSES: Final = 60
"""Most different values of the key; a page with more has no types in these words."""

CHOSEN: Final = 255
"""A mask has one byte for each place: this for a chosen place, 0 for others."""

CHOOSE: Final = tuple(
    bytes(each) + bytes([CHOSEN]) + bytes(255 - each) for each in range(MOST_CLASSES + 1)
)
"""Number of a class -> table for ``bytes.translate`` that makes the mask of the class."""


class WordClasses(NamedTuple):
    """The words of an array in classes of equal words."""

    words: array[int]
    counts: dict[int, int]
    """How often each word occurs."""
    members: bytes
    """Number of the class of each place, from 1 on; 0 for places in no class."""
    numbers: dict[int, int]
    """Word -> number of its class; words that share a key value have none."""

    def select(self, word: int) -> bytes:
        """Return the mask of the places of a word."""
        number = self.numbers.get(word)
        if number is None:
            return bytes([CHOSEN * (each == word) for each in self.words])
        return self.members.translate(CHOOSE[number])

    def count_where(self, mask: bytes) -> dict[int, int]:
        """Return how often each word occurs at the places that a mask chooses."""
        members = mask_bytes(self.members, mask)
        found = {}
        for word, number in self.numbers.items():
            count = members.count(number)
            if count:
                found[word] = count
        if len(self.numbers) < len(self.counts):
            without = mask_bytes(self.members.translate(CHOOSE[0]), mask)
            found.update(Counter(compress(self.words, without)))
        return found


def mask_bytes(data: bytes, mask: bytes) -> bytes:
    """Return bytes with 0 wherever a mask of the same size has 0."""
    both = int.from_bytes(data, "little") & int.from_bytes(mask, "little")
    return both.to_bytes(len(data), "little")


def join_columns(columns: Sequence[array[int]]) -> array[int]:
    """Return the words of several arrays, one behind the other."""
    if len(columns) == 1:
        return columns[0]
    joined = array("Q")
    for column in columns:
        joined.extend(column)
    return joined


def mask_addresses(addresses: array[int], mask: bytes) -> bytes | None:
    """Return the mask of those chosen addresses that are not NULL; None if all are."""
    data = addresses.tobytes()
    either = 0
    for number in SLICE_BYTES:
        either |= int.from_bytes(data[number::8], "little")
    either &= int.from_bytes(mask, "little")
    return either.to_bytes(len(mask), "little").translate(NOT_NULL) if either else None


def leave_out(mask: bytes, others: bytes) -> bytes:
    """Return a mask without the places of another one."""
    return mask_bytes(mask, others.translate(INVERT))


def classify_words(words: array[int]) -> WordClasses:
    """Return the classes of equal words."""
    data = words.tobytes()
    size = len(words)
    if data == data[:8] * size:
        counts = {words[0]: size} if size else {}
        return WordClasses(words, counts, bytes([1]) * size, dict.fromkeys(counts, 1))
    key = data[TYPE_KEY::8]
    places = _find_values(key)
    if places is None:
        return WordClasses(words, dict(Counter(words.tolist())), bytes(size), {})
    mixed = _find_mixed([data[number::8] for number in range(8)], key, places, -1)
    counts = {}
    numbers = {}
    table = bytearray(256)
    for value, place in places.items():
        if value not in mixed:
            word = words[place]
            counts[word] = key.count(value)
            numbers[word] = table[value] = len(counts)
    members = key.translate(table)
    if mixed:
        counts.update(Counter(compress(words, members.translate(CHOOSE[0]))))
    return WordClasses(words, counts, members, numbers)


def count_slices(addresses: array[int], mask: bytes) -> dict[int, int]:
    """Return number of the slice -> how many of the chosen addresses are in it.

    Compares the four bytes in which slices of user space differ.
    """
    data = addresses.tobytes()
    columns = [data[number::8] for number in SLICE_BYTES]
    left_out = mask.count(0)
    chosen = int.from_bytes(mask, "little")
    key = columns[0]
    if left_out:
        # Places that are not chosen get a value that no address has.
        without = int.from_bytes(mask.translate(INVERT), "little")
        key = (int.from_bytes(key, "little") | without).to_bytes(len(key), "little")
    places = _find_values(key)
    counts: dict[int, int] = {}
    one_by_one = mask
    if places is not None:
        if left_out:
            del places[CHOSEN]
        mixed = _find_mixed(columns, key, places, chosen)
        if left_out and key.count(CHOSEN) > left_out:
            mixed.add(CHOSEN)
        for value, place in places.items():
            if value not in mixed:
                slice_bytes = bytes([column[place] for column in columns])
                counts[int.from_bytes(slice_bytes, "little")] = key.count(value)
        one_by_one = mask_bytes(mask, _mask_of(mixed, key)) if mixed else b""
    if one_by_one:
        found = Counter(compress(zip(*columns, strict=True), one_by_one))
        for each, number in found.items():
            counts[int.from_bytes(bytes(each), "little")] = number
    return counts


def _mask_of(values: set[int], key: bytes) -> bytes:
    """Return the mask of the places at which a column has one of some values."""
    table = bytearray(256)
    for value in values:
        table[value] = CHOSEN
    return key.translate(table)


def _find_values(key: bytes) -> dict[int, int] | None:
    """Return each value of a column and where it is first; None if they are too many."""
    values = ALL_BYTES.translate(None, ALL_BYTES.translate(None, key))
    if len(values) > MOST_CLASSES:
        return None
    return {value: key.find(value) for value in values}


def _find_mixed(columns: list[bytes], key: bytes, places: dict[int, int], chosen: int) -> set[int]:
    """Return the values of the key that several different words share.

    ``places`` has the first place of each value.  Words with this value are equal if each of
    their bytes equals that of the word at the first place.  ``chosen`` is a mask as a number.
    """
    mixed: set[int] = set()
    size = len(key)
    last = max(places.values(), default=0)
    for column in columns:
        if column is key or column.count(column[:1]) == size:
            continue
        number = None
        if chosen >= 0:
            # Most often a byte is the same in all that are chosen.
            number = int.from_bytes(column, "little")
            if not (number ^ _ones(size) * column[last]) & chosen:
                continue
        table = bytearray(256)
        for value, place in places.items():
            table[value] = column[place]
        expected = key.translate(table)
        if expected != column:
            if number is None:
                number = int.from_bytes(column, "little")
            differ = (number ^ int.from_bytes(expected, "little")) & chosen
            if differ:
                mixed.update(compress(key, differ.to_bytes(size, "little")))
    return mixed


@lru_cache(maxsize=64)
def _ones(size: int) -> int:
    """Return the number of which each byte is 1."""
    return int.from_bytes(b"\1" * size, "little")
