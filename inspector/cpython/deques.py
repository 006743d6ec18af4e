"""What hangs on instances of ``collections.deque``: blocks of 64 items each, and spare ones.

Source: ``dequeobject`` (Modules/_collectionsmodule.c), 3.14 and 3.15: behind ``ob_size`` are
``leftblock``, ``rightblock``, ``leftindex``, ``rightindex``, ``state``, ``maxlen``,
``numfreeblocks``.  Nothing publishes this, so every instance is asked whether it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DEQUE_NAME", "DEQUE_SIZE", "DEQUE_WORDS", "DequeBlocks", "count_deque_blocks"]

DEQUE_NAME: Final = b"collections.deque"

DEQUE_SIZE: Final = 200
"""``sizeof(dequeobject)`` without its object header."""

DEQUE_WORDS: Final = (0, 1, 2, 3, 4, 7)
"""Behind the object header: ``ob_size``, both blocks, both indices, ``numfreeblocks``."""

ITEMS: Final = 64
"""``BLOCKLEN``."""

MOST_SPARE: Final = 16
"""``MAXFREEBLOCKS``."""

TORN: Final = 8
"""One of so many instances may move while it is read."""


class DequeBlocks(NamedTuple):
    """The blocks of some deques that are alike."""

    address: int
    """Of the first block of one of them."""
    blocks: int


def count_deque_blocks(deques: Iterable[tuple[int, ...]], most: int) -> list[DequeBlocks] | None:
    """Return the blocks of deques, each given by :data:`DEQUE_WORDS`.

    ``most`` is how many blocks a process may have.  None where too many are not as a deque is.
    """
    found = []
    strange = 0
    for size, left, right, first, last, spare in deques:
        blocks = max((first + size + ITEMS - 1) // ITEMS, 1)
        if (
            first < ITEMS
            and last < ITEMS
            and spare <= MOST_SPARE
            and blocks + spare <= most
            and (first + size - 1) % ITEMS == last
            and (left == right) == (blocks == 1)
        ):
            found.append(DequeBlocks(left, blocks + spare))
        else:
            strange += 1
            found.append(DequeBlocks(left, 1))
    return None if strange > len(found) // TORN else found
