"""Bytes to machine words (LP64, little endian).

``struct.unpack`` with the length in its format is not used: it caches an instance of a heap
type for every length, and a tool that counts heap types would count them.
"""

from __future__ import annotations

from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Final

from inspector.process.vectors import PAGE, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory

__all__ = [
    "decode_signed",
    "decode_unsigned",
    "find_differing",
    "read_mapped_words",
    "read_words",
    "word_at",
]

BLOCK: Final = 1 << 12
"""Bytes of a block, which is compared as a whole first."""


def decode_unsigned(data: bytes) -> list[int]:
    """Return the words of ``data``, whose length is a multiple of 8, as ``uint64_t``."""
    return memoryview(data).cast("Q").tolist()


def decode_signed(data: bytes) -> list[int]:
    """Return the words of ``data``, whose length is a multiple of 8, as ``int64_t``."""
    return memoryview(data).cast("q").tolist()


def word_at(data: bytes, offset: int) -> int:
    """Return the ``uint64_t`` at a byte offset."""
    return int.from_bytes(data[offset : offset + 8], "little")


def find_differing(before: bytes, after: bytes) -> list[int]:
    """Return the indices of the 64-bit words that differ; the shorter one is padded with 0."""
    if before == after:
        return []
    size = max(len(before), len(after))
    before, after = before.ljust(size, b"\0"), after.ljust(size, b"\0")
    found: list[int] = []
    # Nearly all blocks are equal, and equal blocks need no words.
    for start in range(0, size, BLOCK):
        old, new = before[start : start + BLOCK], after[start : start + BLOCK]
        if old != new:
            first = start // 8
            numbers = range(first, first + len(old) // 8)
            found += compress(numbers, map(ne, decode_signed(old), decode_signed(new)))
    return found


def read_words(memory: Memory, addresses: Sequence[int]) -> list[int]:
    """Return the ``uint64_t`` at each address; 0 for an unreadable or misaligned one.

    Reads whole pages, which is fast for pointers in thousands of objects.
    """
    numbers = sorted({address // PAGE for address in addresses})
    pieces = memory.read_many([(number * PAGE, PAGE) for number in numbers])
    pages: dict[int, memoryview[int]] = {}
    for number, piece in zip(numbers, pieces, strict=True):
        pages[number] = memoryview(piece or bytes(PAGE)).cast("Q")
    words = []
    for address in addresses:
        page = pages[address // PAGE]
        words.append(0 if address % WORD else page[address % PAGE // WORD])
    return words


def read_mapped_words(memory: Memory, address: int, size: int) -> list[int]:
    """Return the ``uint64_t`` of ``size`` bytes, up to the first page that is not mapped."""
    ranges = []
    end = address + size
    while address < end:
        length = min(PAGE - address % PAGE, end - address)
        ranges.append((address, length))
        address += length
    data = b""
    for piece in memory.read_many(ranges):
        if piece is None:
            break
        data += piece
    return decode_unsigned(data[: len(data) // WORD * WORD])
