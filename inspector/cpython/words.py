"""Bytes to machine words (LP64, little endian).

Not ``struct.unpack`` with the length in its format: that keeps an instance of a
heap type for every length it has seen, which a census of heap types then counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.process.vectors import PAGE, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.memory import Memory

__all__ = ["read_words", "signed", "unsigned", "word_at"]


def unsigned(data: bytes) -> list[int]:
    """Return the words of ``data``, whose length is a multiple of 8, as ``uint64_t``."""
    return memoryview(data).cast("Q").tolist()


def signed(data: bytes) -> list[int]:
    """Return the words of ``data``, whose length is a multiple of 8, as ``int64_t``."""
    return memoryview(data).cast("q").tolist()


def word_at(data: bytes, offset: int) -> int:
    """Return the ``uint64_t`` at a byte offset."""
    return int.from_bytes(data[offset : offset + 8], "little")


def read_words(memory: Memory, addresses: Sequence[int]) -> list[int]:
    """Return the ``uint64_t`` at each address; 0 where it is unreadable or misaligned.

    For pointers of thousands of objects: whole pages are read, and indexed.
    """
    numbers = list({address // PAGE for address in addresses})
    pieces = memory.read_many([(number * PAGE, PAGE) for number in numbers])
    pages = {
        number: memoryview(piece or bytes(PAGE)).cast("Q")
        for number, piece in zip(numbers, pieces, strict=True)
    }
    return [
        pages[address // PAGE][address % PAGE // WORD] if not address % WORD else 0
        for address in addresses
    ]
