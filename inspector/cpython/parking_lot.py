"""Reads which threads wait for which lock: CPython's parking lot.

Source: Python/parking_lot.c, 3.14 and 3.15.  ``buckets`` is a static table of 257 records
{``_PyRawMutex mutex``, ``struct llist_node root``, ``size_t num_waiters``}, 32 bytes each.  A
``struct wait_entry`` {``park_arg``, ``addr``, ``_PySemaphore sema``, ``struct llist_node node``,
``is_unparking``} is on the C stack of each waiting thread; ``addr`` is the address that it waits
for, and its bucket is ``addr % 257``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.words import decode_unsigned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inspector.process.protocols import Memory
    from inspector.process.recent_reads import RecentReads
    from inspector.process.vectors import Range

__all__ = ["BUCKETS", "BUCKETS_SIZE", "Waiter", "find_buckets", "read_waiters"]

BUCKETS: Final = 257
"""``NUM_BUCKETS``, a prime."""
BUCKET_SIZE: Final = 32
BUCKETS_SIZE: Final = BUCKETS * BUCKET_SIZE

NODE_IN_ENTRY: Final = 48
"""``offsetof(struct wait_entry, node)`` with the semaphore of glibc and musl (``sem_t``, 32
bytes on LP64)."""

MOST_WAITERS: Final = 1 << 16
PAGE: Final = 1 << 12

SCAN_PIECE: Final = 1 << 20


class Waiter(NamedTuple):
    """One waiting thread."""

    entry: int
    """Address of its ``struct wait_entry``, on its C stack."""
    address: int
    """The address that it waits for: a mutex, an event, or a thread's state."""


def find_buckets(memory: Memory, writable: Iterable[Range]) -> list[int]:
    """Return every address in these ranges that may be ``buckets``: one in practice.

    An empty bucket's ``root`` points at itself twice and its ``num_waiters`` is 0; where most
    are empty, what stands before and behind the table cannot be a bucket.  Where many threads
    wait, the first bucket or the last has a waiter, too: waiters tell which buckets theirs are.
    """
    ranges = list(writable)
    found = []
    for piece, words in _read_pieces(memory, ranges):
        found += _find_runs(piece, words, SCAN_PIECE)
    if not found:
        for piece, words in _read_pieces(memory, ranges):
            found += _find_by_waiters(memory, piece, words)
    return found


def _read_pieces(memory: Memory, ranges: Iterable[Range]) -> Iterator[tuple[int, list[int]]]:
    """Yield addresses and words; a table that begins in one piece may end in the next one."""
    for start, size in ranges:
        for piece in range(start, start + size, SCAN_PIECE):
            length = min(SCAN_PIECE + BUCKETS_SIZE, start + size - piece)
            (data,) = memory.read_many([(piece, length)])
            if data is not None:
                yield piece, decode_unsigned(data[: length // 8 * 8])


def _find_by_waiters(memory: Memory, address: int, words: list[int]) -> list[int]:
    """Return where tables begin of which a waiter tells its bucket.

    The first waiter of a list points back at the list's head, and what it waits for gives
    the bucket's number.
    """
    record = BUCKET_SIZE // 8
    heads = []
    ranges = []
    for place in range(len(words) - record + 1):
        if 0 < words[place + 3] <= MOST_WAITERS and _is_bucket(address, words, place):
            heads.append(place)
            ranges.append((words[place + 1] - NODE_IN_ENTRY, NODE_IN_ENTRY + 16))
    entries = memory.read_many(ranges)
    starts: set[int] = set()
    for place, entry in zip(heads, entries, strict=True):
        if entry is None:
            continue
        waits_for, previous = struct.unpack_from("=8xQ40xQ", entry)
        first = place - record * (waits_for % BUCKETS)
        whole = 0 <= first < SCAN_PIECE // 8 and first + BUCKETS * record <= len(words)
        if whole and previous == address + 8 * place + 8:
            starts.add(first)
    return [address + 8 * first for first in sorted(starts) if _is_table(address, words, first)]


def _is_table(address: int, words: list[int], first: int) -> bool:
    """Whether all buckets of a table that begins at a word are buckets."""
    for number in range(BUCKETS):
        if not _is_bucket(address, words, first + BUCKET_SIZE // 8 * number):
            return False
    return True


def _find_runs(address: int, words: list[int], length: int) -> list[int]:
    """Return where tables of 257 records begin, within the first ``length`` bytes.

    A table begins with its first empty bucket and ends with its last one: one whose first or
    last bucket has a waiter is not found here.
    """
    found = []
    record = BUCKET_SIZE // 8
    place = 0
    while place < min(len(words) - record, length // 8):
        if not _is_empty(address, words, place):
            place += 1
            continue
        empty = last = end = place
        while end + record <= len(words) and _is_bucket(address, words, end):
            if _is_empty(address, words, end):
                last = end
            end += record
        if last - empty == (BUCKETS - 1) * record:
            found.append(address + 8 * empty)
        place = max(end, place + 1)
    return found


def _is_empty(address: int, words: Sequence[int], place: int) -> bool:
    root = address + 8 * place + 8
    return words[place + 1] == root == words[place + 2] and words[place + 3] == 0


def _is_bucket(address: int, words: Sequence[int], place: int) -> bool:
    """Whether a record can be a bucket: empty, or the head of a list that may be changing."""
    if _is_empty(address, words, place):
        return True
    following, previous, waiters = words[place + 1 : place + 4]
    # A list that changes is empty on one side only, or counts a waiter more or less.
    return (
        _is_pointer(following)
        and _is_pointer(previous)
        and waiters <= MOST_WAITERS
        and (words[place] < 1 << 3 or _is_pointer(words[place] & ~3))
    )


def _is_pointer(word: int) -> bool:
    return PAGE < word < 1 << 56 and word % 8 == 0


def read_waiters(memory: Memory | RecentReads, buckets: int, table: bytes) -> list[Waiter]:
    """Return the waiters of a table that was just read.

    The lists change while they are read.  An entry that is unreadable, or whose address
    belongs to another bucket, ends its list.
    """
    words = decode_unsigned(table)
    found = []
    ahead = []
    for number in range(BUCKETS):
        first = words[4 * number + 1]
        if first != buckets + BUCKET_SIZE * number + 8:
            ahead.append((number, first))
    seen: set[int] = set()
    while ahead:
        ahead = [(number, node) for number, node in ahead if node > NODE_IN_ENTRY and not node % 8]
        entries = memory.read_many(
            [(node - NODE_IN_ENTRY, NODE_IN_ENTRY + 16) for _, node in ahead]
        )
        following = []
        for (number, node), entry in zip(ahead, entries, strict=True):
            if entry is None or node in seen or len(seen) > MOST_WAITERS:
                continue
            seen.add(node)
            address, behind = struct.unpack_from("=8xQ32xQ", entry)
            if address % BUCKETS != number:
                continue
            found.append(Waiter(node - NODE_IN_ENTRY, address))
            if behind != buckets + BUCKET_SIZE * number + 8:
                following.append((number, behind))
        ahead = following
    return found
