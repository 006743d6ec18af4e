"""Reads which blocks were freed, but wait until no thread may still read them (QSBR).

Source: Objects/obmalloc.c, 3.14 and 3.15.  A thread state and an interpreter have a ring
``mem_free_queue`` of ``struct _mem_work_chunk``: {``struct llist_node node``, ``rd_idx``,
``wr_idx``, ``array``}, whose items are {``ptr``, ``qsbr_goal``}.  The interpreter's is behind
``has_work`` and a mutex, and gets the chunks of threads that ended; it has no known offset.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from inspector.cpython.words import decode_unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.process.protocols import Memory

__all__ = ["CHUNK_SIZE", "MovedOn", "find_queues", "read_delayed_frees"]

ITEMS: Final = 254
"""``WORK_ITEMS_PER_CHUNK``."""

ITEM_SIZE: Final = 16

CHUNK: Final = struct.Struct("<QQqq")
"""``next``, ``prev``, ``rd_idx``, ``wr_idx``."""

CHUNK_SIZE: Final = CHUNK.size + ITEMS * ITEM_SIZE

MOST_CHUNKS: Final = 1 << 14

HAS_WORK: Final = 1

LOW_HALF: Final = 0xFFFF_FFFF


class MovedOn(Exception):
    """A ring changed while it was followed."""


def read_delayed_frees(
    memory: Memory, heads: Sequence[int], is_chunk: Callable[[int], bool]
) -> list[int]:
    """Return the addresses of the blocks that wait in some rings.

    An object whose last reference may be in the ring is no freed block, and left out.
    Raises :class:`MovedOn` where a ring does not lead back to its head, and
    :class:`~inspector.errors.MemoryFault` where memory went away.  ``is_chunk`` tells whether
    a chunk may be at an address.
    """
    waiting: list[int] = []
    for head in heads:
        position = head
        (following,) = struct.unpack("<Q", memory.read(head, 8))
        for _ in range(MOST_CHUNKS):
            if following == head:
                break
            if not is_chunk(following):
                raise MovedOn
            chunk = following
            following, previous, first, behind = CHUNK.unpack(memory.read(chunk, CHUNK.size))
            if previous != position or not 0 <= first <= behind <= ITEMS:
                raise MovedOn
            position = chunk
            start = chunk + CHUNK.size + first * ITEM_SIZE
            items = decode_unsigned(memory.read(start, (behind - first) * ITEM_SIZE))
            # The lowest bit tells that an object is to be given up.
            waiting += [address for address in items[::2] if not address & 1]
        else:
            raise MovedOn
    return waiting


def find_queues(
    memory: Memory, interpreter: int, size: int, is_chunk: Callable[[int], bool]
) -> list[int]:
    """Return where in the state of an interpreter a ring of chunks begins: none if it is empty.

    Such a ring is behind ``has_work``, which is 1, and its first and last chunk lead back.
    Raises :class:`MovedOn` where several do.
    """
    data = memory.read(interpreter, size // 8 * 8)
    words = decode_unsigned(data)
    found = []
    for place in range(1, len(words) - 1):
        first, last = words[place], words[place + 1]
        if words[place - 1] & LOW_HALF != HAS_WORK or not (is_chunk(first) and is_chunk(last)):
            continue
        head = interpreter + 8 * place
        pieces = memory.read_many([(first + 8, 8), (last, 8)])
        if all(piece == head.to_bytes(8, "little") for piece in pieces):
            found.append(head)
    if len(found) > 1:
        raise MovedOn
    return found
