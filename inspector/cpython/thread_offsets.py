"""Discovers where a thread state keeps its array of per-thread reference counts.

Source: ``_PyThreadStateImpl`` (Include/internal/pycore_tstate.h) and
``struct _brc_thread_state`` (pycore_brc.h), 3.14 and 3.15: ``refcounts`` follows
``brc``, five words that begin with the links of a list and the thread's id.
``c_stack_refs`` follows ``qsbr`` and the head of ``mem_free_queue``.
These lists are closed rings, which is tested: the links of both neighbours must lead back.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import REFCOUNTS_SIZE, Offset
from inspector.cpython.pool import POOL_MIN_SIZE, read_pool, split_table
from inspector.cpython.runtime_lists import Thread, read_threads
from inspector.cpython.words import decode_signed, read_mapped_words
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["ThreadOffsets", "find_thread_offsets"]

SCAN: Final = 10 * 4096
"""Bytes after ``PyThreadState`` that are searched; real offsets are below 20,000."""

BLOCK: Final = 4096
SAMPLE: Final = 8
"""Most thread states that are searched; the offset is then validated in all of them."""

BRC_SIZE: Final = 40
"""Bytes of ``struct _brc_thread_state``."""

QSBR_SCAN: Final = 64
"""Words after ``PyThreadState`` in which ``qsbr`` is searched; it is among the first 25."""

MAX_ID_DISTANCE: Final = 1 << 16

MAX_CONTRIBUTION: Final = 1 << 40


class ThreadOffsets(NamedTuple):
    """Offsets in ``_PyThreadStateImpl``, in bytes, and their evidence."""

    refcounts: int
    c_stack_refs: int | None
    offsets: tuple[Offset, ...]


class _Image(NamedTuple):
    """The words of one thread state after its published part."""

    thread: Thread
    words: list[int]


def find_thread_offsets(
    memory: Memory, published: Published, interpreter: int, where: int
) -> ThreadOffsets:
    """Return the offsets; ``where`` is the address of this interpreter's pool.

    Raises :class:`LayoutError` if no offset, or more than one, fits all thread states, and
    :class:`MemoryFault` if one of them was freed meanwhile.
    """
    start = published["thread_state.size"]
    chain = read_threads(memory, published, interpreter, start)
    bound = [thread for thread in chain if thread.bound]
    if not bound:
        raise LayoutError("threads_head", expected="a thread state that is bound", found="none")
    pool = read_pool(memory, where)
    sample = bound[:: max(1, len(bound) // SAMPLE)]
    images = [_read_image(memory, start, thread) for thread in sample]
    length = min(len(image.words) for image in images)
    slots_left = []
    found = []
    for slot in _find_slots_behind_ids(
        images[0], range(BRC_SIZE // 8, length - REFCOUNTS_SIZE // 8)
    ):
        # Without the test of the id, zeros behind any other ring would fit, too.
        if _hold_ids(images, slot - 3):
            slots_left.append(slot)
            if _hold_arrays(memory, images, start, slot, pool.size):
                found.append(slot)
    if len(found) != 1:
        raise LayoutError(
            "_PyThreadStateImpl.refcounts",
            expected=f"one array behind a closed ring and an id in each of {len(images)} threads",
            found=f"{len(found)} behind {len(slots_left)} such ids",
        )
    refcounts = start + 8 * found[0]
    arrays = _validate_arrays(memory, published, interpreter, where, refcounts)
    stack_refs = _find_c_stack_refs(memory, images, start, found[0])
    return ThreadOffsets(
        refcounts,
        stack_refs,
        (
            Offset(
                "_PyThreadStateImpl.refcounts",
                refcounts,
                "discovered",
                f"array, ring and id in {len(images)} threads; free ids are 0 in {arrays} arrays",
            ),
            Offset(
                "_PyThreadStateImpl.c_stack_refs",
                stack_refs,
                "discovered",
                f"behind qsbr and a closed ring in {len(images)} threads"
                if stack_refs is not None
                else "no single place behind qsbr and a closed ring",
            ),
        ),
    )


def _read_image(memory: Memory, start: int, thread: Thread) -> _Image:
    """Read what follows the published part of a thread state, up to an unmapped page."""
    return _Image(thread, read_mapped_words(memory, thread.address + start, SCAN))


def _is_array(words: list[int], slot: int, pool_size: int) -> bool:
    """Whether {values, size, is_finalized} may be at this slot."""
    values, size, third = words[slot : slot + 3]
    finalized = third & 0xFFFF_FFFF
    if values == 0:
        return size == 0 and finalized <= 1
    return (
        finalized == 0
        and POOL_MIN_SIZE <= size <= pool_size
        and size & (size - 1) == 0
        and values % 8 == 0
    )


def _in_ring(memory: Memory, image: _Image, start: int, slot: int) -> bool:
    """Whether the two words at this slot are a node of a doubly linked ring."""
    node = image.thread.address + start + 8 * slot
    following, previous = image.words[slot : slot + 2]
    if following == previous == node:
        return True
    if not following or not previous or following % 8 or previous % 8:
        return False
    back, forth = memory.read_many([(following + 8, 8), (previous, 8)])
    link = node.to_bytes(8, "little")
    return back == forth == link


def _find_slots_behind_ids(image: _Image, slots: range) -> list[int]:
    """Return the slots whose word before may be the id of a thread: few of thousands."""
    identity = image.thread.thread_id
    before = image.words[slots.start - 3 : slots.stop - 3]
    near = range(identity - MAX_ID_DISTANCE, identity + MAX_ID_DISTANCE)
    return list(compress(slots, map(near.__contains__, before)))


def _hold_arrays(memory: Memory, images: list[_Image], start: int, slot: int, most: int) -> bool:
    """Whether each thread state has an array of counts at a slot, behind a closed ring."""
    for image in images:
        if not _is_array(image.words, slot, most):
            return False
        if not _in_ring(memory, image, start, slot - BRC_SIZE // 8):
            return False
    return True


def _hold_ids(images: list[_Image], slot: int) -> bool:
    """Whether the word at this slot is each thread's ``_Py_ThreadId()``.

    ``PyThreadState.thread_id`` is ``pthread_self()``.  On x86-64 both are equal; elsewhere
    their distance is the same in each thread, and at most the size of ``struct pthread``.
    """
    distance = images[0].words[slot] - images[0].thread.thread_id
    if abs(distance) >= MAX_ID_DISTANCE:
        return False
    for image in images[1:]:
        if image.words[slot] - image.thread.thread_id != distance:
            return False
    return True


def _validate_arrays(
    memory: Memory, published: Published, interpreter: int, where: int, refcounts: int
) -> int:
    """Validate the array of every thread; return how many threads have one.

    A free id has no count in any thread, because the collector releases ids only after it
    has merged all arrays.  A few ids may be taken between the reads.
    """
    chain = read_threads(memory, published, interpreter, refcounts)
    pool = read_pool(memory, where)
    arrays = [thread for thread in chain if thread.values]
    counts = [(thread.values, 8 * thread.size) for thread in arrays if thread.fits(pool)]
    if len(counts) != len(arrays):
        raise LayoutError("refcounts.size", expected=f"at most {pool.size}", found="a larger array")
    table, *pieces = memory.read_many([pool.table_range, *counts])
    if table is None:
        raise MemoryFault(*pool.table_range)
    free = set(range(pool.size)).difference(split_table(table, pool))
    for piece in pieces:
        if piece is None:
            raise MemoryFault(*counts[0])
        stray, largest = _count_stray_ids(piece, free)
        if stray > 8 + len(free) // 100 or largest > MAX_CONTRIBUTION:
            raise LayoutError(
                "refcounts.values",
                expected="0 for every free id",
                found=f"{stray} of {len(free)} are not",
            )
    return len(arrays)


def _count_stray_ids(array: bytes, free: set[int]) -> tuple[int, int]:
    """Return how many free ids have a count, and the largest count of the array."""
    stray = largest = 0
    for start in range(0, len(array), BLOCK):
        page = array[start : start + BLOCK]
        if not page.strip(b"\0"):  # most pages are zeros
            continue
        values = decode_signed(page)
        first = start // 8
        stray += len(free.intersection(compress(range(first, first + len(values)), values)))
        values.sort()
        largest = max(largest, values[-1], -values[0])
    return stray, largest


def _find_c_stack_refs(memory: Memory, images: list[_Image], start: int, end: int) -> int | None:
    """Return the offset of the word after ``qsbr`` and the ring ``mem_free_queue``.

    The third word of ``struct _qsbr_thread_state`` (pycore_qsbr.h) points back to the thread
    state.
    """
    found = []
    for slot in range(min(QSBR_SCAN, end - 4)):
        if _hold_qsbr(memory, images, start, slot):
            found.append(slot)
    return start + 8 * (found[0] + 3) if len(found) == 1 else None


def _hold_qsbr(memory: Memory, images: list[_Image], start: int, slot: int) -> bool:
    """Whether each thread state has ``qsbr`` at a slot, and a ring behind it."""
    for image in images:
        if not _leads_back(memory, image, slot):
            return False
        if not _in_ring(memory, image, start, slot + 1):
            return False
    return True


def _leads_back(memory: Memory, image: _Image, slot: int) -> bool:
    """Whether the word at this slot points to a structure of this thread state."""
    address = image.words[slot]
    if address < BLOCK or address % 8:
        return False
    return memory.read_many([(address + 16, 8)]) == [image.thread.address.to_bytes(8, "little")]
