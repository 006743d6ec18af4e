"""The owners of a heap's pages: interpreters, thread states and their heaps."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from inspector.cpython.delayed_frees import (
    CHUNK_SIZE,
    MovedOn,
    find_queues,
    read_delayed_frees,
)
from inspector.cpython.heap_invariants import Anchors, Owner
from inspector.cpython.heap_layout import HEAPS, MEM_HEAP, OBJECT_HEAP, SEGMENT
from inspector.cpython.heap_links import Link
from inspector.cpython.heap_pages import SLICE_BITS, index_pages
from inspector.cpython.pool import read_pool, read_table
from inspector.cpython.runtime_lists import read_interpreters, read_pointer, read_threads
from inspector.cpython.words import word_at
from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.heap_pages import Segment
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = [
    "HeapOwner",
    "delayed_ranges",
    "follow_delayed",
    "read_anchors",
    "read_homes",
    "read_owners",
    "read_waiting_blocks",
    "segment_interpreters",
]

ID_BEFORE_REFCOUNTS = 24
"""Bytes from ``brc.tid``, a thread's ``_Py_ThreadId()``, to ``refcounts``."""

RING_SIZE = 16
"""``struct llist_node``."""

TRIES = 8
"""Attempts at rings that may change while they are followed."""

MOST_DELAYED = 1 << 16
"""Most blocks in ``thread_delayed_free`` of one heap: one for each of its pages."""


class HeapOwner(NamedTuple):
    """The thread state that has a heap."""

    interpreter: int
    """CPython's id of the interpreter."""
    native_id: int


def read_anchors(memory: Memory, layout: Layout) -> Anchors:
    """Return what is known of a process before the layout of its heap is found."""
    members: list[int] = []
    owners: list[Owner] = []
    for interpreter in read_interpreters(memory, layout.published, layout.runtime):
        pool = read_pool(memory, interpreter + layout.unique_ids)
        if pool.plausible and pool.size:
            members += read_table(memory, pool).values()
        for thread in read_threads(memory, layout.published, interpreter, layout.refcounts):
            at = thread.address + layout.refcounts - ID_BEFORE_REFCOUNTS
            owners.append(Owner(thread.address, read_pointer(memory, at), thread.bound))
    return Anchors(members, owners, layout.published["thread_state.size"], layout.refcounts)


def read_owners(memory: Memory, layout: Layout, heap: HeapLayout) -> dict[int, HeapOwner]:
    """Return the address of every heap -> its owner."""
    found: dict[int, HeapOwner] = {}
    for interpreter in read_interpreters(memory, layout.published, layout.runtime):
        at = interpreter + layout.published["interpreter_state.id"]
        number = read_pointer(memory, at)
        for thread in read_threads(memory, layout.published, interpreter, layout.refcounts):
            for each in range(HEAPS):
                address = thread.address + heap.heaps + each * heap.heap_size
                found[address] = HeapOwner(number, thread.native_id)
    return found


def delayed_ranges(heap: HeapLayout, owners: Iterable[int]) -> list[Range]:
    """Return the ranges of the heaps with the heads of ``thread_delayed_free``."""
    size = heap.heap_keys + 16 - heap.delayed_free
    return [(owner + heap.delayed_free, size) for owner in owners]


def follow_delayed(
    heap: HeapLayout,
    owners: Sequence[int],
    pieces: Sequence[bytes | None],
    word: Callable[[int], int],
) -> list[int]:
    """Return the blocks on those lists; ``word`` returns a word by address, 0 if unknown."""
    found: list[int] = []
    for number, (owner, piece) in enumerate(zip(owners, pieces, strict=True)):
        # Heaps of raw memory have no objects.
        if piece is None or number % HEAPS < OBJECT_HEAP:
            continue
        keys = len(piece) - 16
        link = Link(owner, word_at(piece, keys), word_at(piece, keys + 8))
        address = word_at(piece, 0)
        seen: set[int] = set()
        while address and address not in seen and len(seen) < MOST_DELAYED:
            seen.add(address)
            following = word(address)
            address = following if heap.keys is None else link.decode(following)
        found += seen
    return found


def read_waiting_blocks(
    memory: Memory, layout: Layout, heap: HeapLayout, segments: Iterable[Segment]
) -> list[int] | None:
    """Return the addresses of blocks that were freed, and wait for threads that may read them.

    None where that could not be read.
    """
    if layout.c_stack_refs is None:
        return None
    raw = index_pages(
        page for segment in segments for page in segment.pages if page.heap == MEM_HEAP
    )

    def is_chunk(address: int) -> bool:
        page = raw.get(address >> SLICE_BITS)
        if page is None or page.block < CHUNK_SIZE:
            return False
        return (address - heap.object_offset - page.start) % page.block == 0

    for _ in range(TRIES):
        with suppress(MovedOn, MemoryFault):
            heads: list[int] = []
            size = layout.published["interpreter_state.size"]
            for interpreter in read_interpreters(memory, layout.published, layout.runtime):
                heads += find_queues(memory, interpreter, size, is_chunk)
                threads = read_threads(memory, layout.published, interpreter, layout.refcounts)
                # The ring is the member before c_stack_refs.
                heads += [thread.address + layout.c_stack_refs - RING_SIZE for thread in threads]
            return read_delayed_frees(memory, heads, is_chunk)
    return None


def read_homes(memory: Memory, layout: Layout) -> dict[int, int]:
    """Return segment -> interpreter, for segments that contain an object with a unique id.

    An interpreter without threads has no heaps that could tell its segments.
    """
    chain = read_interpreters(memory, layout.published, layout.runtime)
    homes: dict[int, int] = {}
    # A single interpreter has all segments.
    for interpreter in chain if len(chain) > 1 else ():
        number = read_pointer(memory, interpreter + layout.published["interpreter_state.id"])
        pool = read_pool(memory, interpreter + layout.unique_ids)
        if pool.plausible and pool.size:
            for member in read_table(memory, pool).values():
                homes[member & -SEGMENT] = number
    return homes


def segment_interpreters(
    segments: Iterable[Segment],
    owners: Mapping[int, HeapOwner],
    homes: Mapping[int, int],
    types: Mapping[int, Iterable[int]],
) -> dict[int, int | None]:
    """Return segment -> its interpreter; None for an unknown one.

    The interpreter is found by the heaps that own the segment's pages, by objects with a
    unique id, or by the heap types of its objects.  A segment has one interpreter.
    """
    known: dict[int, int | None] = {}
    ids = {owner.interpreter for owner in owners.values()} | set(homes.values())
    for segment in segments:
        found = {owners[page.owner].interpreter for page in segment.pages if page.owner in owners}
        if len(found) == 1:
            known[segment.address] = found.pop()
        else:
            sole = min(ids) if len(ids) == 1 else None
            known[segment.address] = homes.get(segment.address, sole)
    for address in [each for each, number in known.items() if number is None]:
        votes = Counter(
            number
            for word in types.get(address, ())
            if (number := known.get(word & -SEGMENT)) is not None
        )
        if votes:
            known[address] = votes.most_common(1)[0][0]
    return known
