"""The pool of unique ids of one interpreter, and its table of objects.

Sources: ``struct _Py_unique_id_pool`` (Include/internal/pycore_uniqueid.h) and
Python/uniqueid.c, the same in 3.14 and 3.15.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import POOL_SIZE
from inspector.cpython.words import decode_unsigned

if TYPE_CHECKING:
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = [
    "LOCKED",
    "POOL_MIN_SIZE",
    "Pool",
    "follow_freelist",
    "read_pool",
    "read_table",
    "split_table",
]

LOCKED: Final = 1
"""``_Py_LOCKED`` of the mutex: a thread that ends may be merging its counts."""

HAS_PARKED: Final = 2
"""``_Py_HAS_PARKED`` of the mutex: threads wait for it."""

POOL_MIN_SIZE: Final = 8
"""Entries of the smallest table (Python/uniqueid.c)."""

MAX_POOL: Final = 1 << 26
"""Most ids of one interpreter that are read: a table of half a gigabyte."""


class Pool(NamedTuple):
    """``struct _Py_unique_id_pool`` of one interpreter."""

    mutex: int
    table: int
    """Address of the entries; NULL before the first id."""
    freelist: int
    size: int
    """Entries of the table, 0 or a power of two >= 8."""

    @classmethod
    def decode(cls, words: bytes) -> Pool:
        """Decode the four words; the mutex is the first byte of its word."""
        mutex, table, freelist, size = struct.unpack_from("=QQQq", words)
        return cls(mutex & 0xFF, table, freelist, size)

    @property
    def table_range(self) -> Range:
        """Address and size of the table, eight bytes per id."""
        return self.table, 8 * self.size

    @property
    def plausible(self) -> bool:
        """Whether this may be a pool of CPython."""
        if self.size == 0:
            return self.table == 0 and self.freelist == 0
        end = self.table + 8 * self.size
        return (
            self.mutex <= LOCKED | HAS_PARKED
            and POOL_MIN_SIZE <= self.size <= MAX_POOL
            and self.size & (self.size - 1) == 0
            and self.table > 0
            and self.table % 8 == 0
            and (self.freelist == 0 or self.table <= self.freelist < end)
            and self.freelist % 8 == 0
        )


def read_pool(memory: Memory, address: int) -> Pool:
    """Read a pool, which need not be plausible."""
    return Pool.decode(memory.read(address, POOL_SIZE))


def read_table(memory: Memory, pool: Pool) -> dict[int, int]:
    """Read the table of a pool; raise :class:`MemoryFault` if it is unreadable."""
    return split_table(memory.read(*pool.table_range), pool)


def split_table(words: bytes, pool: Pool) -> dict[int, int]:
    """Return index (unique id minus one) -> address of each object in a pool's table.

    All other indices are free: a free entry holds NULL or the address of another entry.
    """
    start, end = pool.table, pool.table + 8 * pool.size
    entries = enumerate(decode_unsigned(words))
    return {index: word for index, word in entries if word and not start <= word < end}


def follow_freelist(words: list[int], pool: Pool) -> set[int] | None:
    """Return the indices on the free list, None if it leaves the table or has a cycle."""
    visited: set[int] = set()
    entry = pool.freelist
    while entry:
        index, rest = divmod(entry - pool.table, 8)
        if rest or not 0 <= index < len(words) or index in visited:
            return None
        visited.add(index)
        entry = words[index]
    return visited
