"""Every thread's array as counts per object, brought up to date and not made anew.

Most threads rest most of the time: an array whose bytes are those of the reading
before costs one comparison.
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
"""Objects that are looked up one by one, rather than among all words of a table."""


class Contributions:
    """The contributions of one interpreter's threads, as the latest reading saw them."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[int, int], bytes] = {}
        self._by_index: dict[int, dict[int, int]] = {}
        self.changed: set[int] = set()
        """The indices of which the latest update changed something."""

    def update(
        self, threads: Sequence[Thread], arrays: Sequence[bytes]
    ) -> Mapping[int, dict[int, int]]:
        """Return pool index -> native thread id -> count, without the zeros.

        The inner dictionaries of earlier readings stay as they were.
        """
        # Forgotten until it is done: what interrupts it leaves nothing that is half true.
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
                merged[native_id] = merged.get(native_id, 0) + change
            kept = {native_id: number for native_id, number in merged.items() if number}
            if kept:
                by_index[index] = kept
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
    """Add what a thread's counts changed by."""
    for index in find_differing(before, now):
        change = read_slot(now, index) - read_slot(before, index)
        of = changes.setdefault(index, {})
        of[native_id] = of.get(native_id, 0) + change


def find_slots(table: bytes, addresses: Sequence[int]) -> list[int]:
    """Return the slot of each address, by the pool's table; -1 for one without a unique id."""
    if len(addresses) <= FEW_OBJECTS:
        return [_find_word(table, address) for address in addresses]
    words = decode_unsigned(table)
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


def read_slot(array: bytes, index: int) -> int:
    """Return one contribution, signed; 0 beyond the array's end, and for the index -1."""
    if index < 0:
        return 0
    return int.from_bytes(array[8 * index : 8 * index + 8], "little", signed=True)
