"""The contributions of all threads per object, updated from one reading to the next.

Most threads are idle most of the time: an array with the bytes of the reading before costs
one comparison.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Final

from inspector.cpython.words import decode_signed, decode_unsigned, find_differing
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.cpython.runtime_lists import Thread

__all__ = [
    "FEW_OBJECTS",
    "Contributions",
    "find_counting_slots",
    "find_moved_slots",
    "find_slots",
    "read_slot",
]

FEW_OBJECTS: Final = 32
"""Up to so many objects are looked up one by one, without decoding the whole table."""


class Contributions:
    """The contributions of one interpreter's threads in the latest reading."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[int, int], bytes] = {}
        self._by_index: dict[int, dict[int, int]] = {}
        self.changed: set[int] = set()
        """Pool indices whose contributions the latest update changed."""

    def update(
        self, threads: Sequence[Thread], arrays: Sequence[bytes]
    ) -> Mapping[int, dict[int, int]]:
        """Return pool index -> native thread id -> count, without zeros.

        Does not change the inner dictionaries that it returned for earlier readings.
        """
        # Cleared until the update is done, so that an interrupted one leaves no wrong state.
        before, self._arrays = self._arrays, {}
        by_index, self._by_index = self._by_index, {}
        now: dict[tuple[int, int], bytes] = {}
        changes: dict[int, dict[int, int]] = {}
        for thread, data in zip(threads, arrays, strict=True):
            key = (thread.address, thread.native_id)
            now[key] = data
            _note_changes(changes, thread.native_id, before.pop(key, b""), data)
        for (_, native_id), data in before.items():
            _note_changes(changes, native_id, data, b"")
        for index, by_thread in changes.items():
            # One OS thread can have several thread states.
            merged = dict(by_index.get(index, ()))
            for native_id, change in by_thread.items():
                number = merged.pop(native_id, 0) + change
                if number:
                    merged[native_id] = number
            if merged:
                by_index[index] = merged
            else:
                by_index.pop(index, None)
        self.changed = set(changes)
        self._arrays, self._by_index = now, by_index
        return by_index


def find_moved_slots(first: Sequence[bytes], second: Sequence[bytes]) -> set[int]:
    """Return the indices at which some thread's array differs between two passes."""
    found: set[int] = set()
    for one, other in zip(first, second, strict=True):
        found.update(find_differing(one, other))
    return found


def find_counting_slots(arrays: Sequence[bytes]) -> set[int]:
    """Return the indices at which some thread's array is not 0."""
    found: set[int] = set()
    for data in arrays:
        values = decode_signed(data)
        found.update(compress(range(len(values)), values))
    return found


def _note_changes(
    changes: dict[int, dict[int, int]], native_id: int, before: bytes, now: bytes
) -> None:
    """Add the changes of one thread's counts to ``changes``."""
    for index in find_differing(before, now):
        change = read_slot(now, index) - read_slot(before, index)
        by_thread = changes.setdefault(index, {})
        by_thread[native_id] = by_thread.get(native_id, 0) + change


def find_slots(table: bytes, addresses: Sequence[int]) -> list[int]:
    """Return the slot of each address, by the pool's table; -1 for one without a unique id."""
    if len(addresses) <= FEW_OBJECTS:
        return [_find_word(table, address) for address in addresses]
    words = decode_unsigned(table)
    # A free entry points into the table, where no object is.
    found = dict(zip(words, range(len(words)), strict=True))
    return [found.get(address, -1) for address in addresses]


def _find_word(table: bytes, word: int) -> int:
    """Return the index of a word in a table, -1 if it is not there."""
    sought = word.to_bytes(WORD, "little")
    at = table.find(sought)
    while at >= 0 and at % WORD:
        at = table.find(sought, at + 1)
    return at // WORD if at >= 0 else -1


def read_slot(array: bytes, index: int) -> int:
    """Return one contribution, signed; 0 beyond the array's end, and for the index -1."""
    if index < 0:
        return 0
    return int.from_bytes(array[8 * index : 8 * index + 8], "little", signed=True)
