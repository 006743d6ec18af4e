"""Bytes to machine words (LP64, little endian).

Not ``struct.unpack`` with the length in its format: that keeps an instance of a
heap type for every length it has seen, which a census of heap types then counts.
"""

from __future__ import annotations

__all__ = ["signed", "unsigned", "word_at"]


def unsigned(data: bytes) -> list[int]:
    """Return the words of ``data``, whose length is a multiple of 8, as ``uint64_t``."""
    return memoryview(data).cast("Q").tolist()


def signed(data: bytes) -> list[int]:
    """Return the words of ``data``, whose length is a multiple of 8, as ``int64_t``."""
    return memoryview(data).cast("q").tolist()


def word_at(data: bytes, offset: int) -> int:
    """Return the ``uint64_t`` at a byte offset."""
    return int.from_bytes(data[offset : offset + 8], "little")
