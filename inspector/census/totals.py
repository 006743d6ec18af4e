"""The contributions of all threads, raw and without names: the cheap part of a census.

Knows: how to read the pool's table and every thread's array in a few hundred
microseconds, without a pause.  Does not know what the words belong to: whoever
holds the types adds their headers, and compares two passes to know that the
words are of one instant.

Returned are plain tuples and bytes only: an instance of a class of ours would
move the very words that are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.layout import POOL_SIZE
from inspector.cpython.pool import LOCKED, Pool, read_pool
from inspector.cpython.walk import decode_thread, thread_ranges, threads
from inspector.cpython.words import unsigned
from inspector.errors import LayoutError, MemoryFault, Unsettled
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = ["FEW", "TRIES", "Arrays", "SlotReader", "Slots", "places", "slot"]

TRIES: Final = 24
"""Readings that may fail because threads or classes come and go."""

FEW: Final = 32
"""Objects that are looked up one by one, rather than among all words of a table."""

Arrays = dict[tuple[int, int], bytes]
"""(address of the thread state, native thread id) -> its array of contributions."""

Slots = tuple[bytes, Arrays, bool]
"""The pool's table, the arrays, and whether no thread can have been merging."""


class SlotReader:
    """One interpreter's pool and arrays, read again and again."""

    def __init__(self, memory: Memory, layout: Layout, interpreter: int) -> None:
        self._memory = memory
        self._layout = layout
        self._interpreter = interpreter

    def read(self) -> tuple[Slots, list[Range]]:
        """Return what stands there now, and the ranges for :meth:`again`.

        Raises :class:`Unsettled` when threads or classes come and go too fast.
        """
        for _ in range(TRIES):
            try:
                ranges, known = self._plan()
            except (MemoryFault, LayoutError):
                continue
            found = self._decode(known, self._memory.read_many(ranges))
            if found is not None:
                return found, ranges
        raise Unsettled(
            f"the threads' arrays did not hold still in {TRIES} readings",
            tries=TRIES,
            hint="threads or classes come and go too fast; check fewer things at once",
        )

    def again(self, before: Slots, ranges: list[Range]) -> Slots | None:
        """Read the same places once more; None when one of them has moved."""
        pieces = self._memory.read_many(ranges)
        known = [(state, native) for state, native in before[1]]
        return self._decode(known, pieces)

    def _plan(self) -> tuple[list[Range], list[tuple[int, int]]]:
        """Return the ranges of the pool, the table, and per thread its words and array."""
        published = self._layout.published
        at = self._interpreter + self._layout.unique_ids
        pool = read_pool(self._memory, at)
        if not pool.plausible:
            raise LayoutError("unique_ids", expected="a pool of ids", found=str(tuple(pool)))
        chain = threads(self._memory, published, self._interpreter, self._layout.refcounts)
        ranges: list[Range] = [(at, POOL_SIZE), (pool.table, 8 * pool.size)]
        for thread in chain:
            if not thread.fits(pool):
                raise LayoutError(
                    "refcounts.size", expected=f"at most {pool.size}", found=str(thread.size)
                )
            ranges += thread_ranges(published, self._layout.refcounts, thread.address)
            ranges.append((thread.values, 8 * thread.size))
        return ranges, [(thread.address, thread.native_id) for thread in chain]

    def _decode(self, known: list[tuple[int, int]], pieces: list[bytes | None]) -> Slots | None:
        """Return the slots if everything stands where the ranges say."""
        if any(piece is None for piece in pieces):
            return None
        words: list[bytes] = [piece or b"" for piece in pieces]
        pool = Pool.decode(words[0])
        arrays: Arrays = {}
        for number, (state, native) in enumerate(known):
            fixed, counts, array = words[2 + 3 * number : 5 + 3 * number]
            thread = decode_thread(self._layout.published, state, fixed, counts)
            if thread.native_id != native or 8 * thread.size != len(array):
                return None
            arrays[state, native] = array
        if 8 * pool.size != len(words[1]):
            return None
        return words[1], arrays, not pool.mutex & LOCKED


def places(table: bytes, addresses: Sequence[int]) -> list[int]:
    """Return the slot of each address; -1 for an object without a unique id."""
    if len(addresses) <= FEW:
        return [_find_word(table, address) for address in addresses]
    words = unsigned(table)
    # The words of free entries lie inside the table, where no object does.
    found = dict(zip(words, range(len(words)), strict=True))
    return [found.get(address, -1) for address in addresses]


def _find_word(table: bytes, word: int) -> int:
    """Return the index of a word, -1 where it is missing, without a list of all of them."""
    sought = word.to_bytes(WORD, "little")
    at = table.find(sought)
    while at >= 0 and at % WORD:
        at = table.find(sought, at + 1)
    return at // WORD if at >= 0 else -1


def slot(array: bytes, place: int) -> int:
    """Return one contribution, signed; 0 beyond the array's end or without a place."""
    if place < 0:
        return 0
    return int.from_bytes(array[8 * place : 8 * place + 8], "little", signed=True)
