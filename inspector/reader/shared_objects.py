"""Finds the live objects whose reference counts other threads than their owners change.

``ob_ref_shared`` of an object that only its owner uses holds no count
(Include/refcount.h; 3.14 and 3.15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_blocks import OB_REF_SHARED, OB_TYPE
from inspector.cpython.layout import TYPE_SUBCLASS
from inspector.cpython.refcount import BIAS, SHARED_SHIFT
from inspector.process.vectors import WORD
from inspector.reader.heap_copy import Buffer
from inspector.reader.heap_plan import in_chunks, plan_pages
from inspector.reader.heap_tally import Types

if TYPE_CHECKING:
    from inspector.cpython.heap_links import Words
    from inspector.cpython.heap_pages import Page
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.reader.heap import HeapReader

__all__ = ["MOST_OWNED", "SharedObject", "find_shared_objects"]

CHUNK: Final = 8 << 20
"""Bytes that are copied at a time."""

MOST_OWNED: Final = 3
"""``ob_ref_shared`` of an object without a shared count is a flag, at most this."""

DEFERRED: Final = BIAS << SHARED_SHIFT
"""The same of an object with deferred counting."""

MOST_OBJECTS: Final = 1 << 16
"""More than any sampler gets round to."""


class SharedObject(NamedTuple):
    """An object that other threads than its owner refer to."""

    address: int
    type: int
    """Address of its type."""


def find_shared_objects(
    memory: Memory, layout: Layout, reader: HeapReader, pause_limit: float
) -> list[SharedObject]:
    """Walk the heap of a process that runs on, and return its shared objects but for types.

    A block that was freed may be among them: its count does not move.  Objects in blocks
    larger than a page of memory are not looked at.

    Raises :class:`~inspector.errors.LayoutError` for an allocator that is not understood.
    """
    heap = reader.heap_layout(pause_limit)
    segments, _, _ = reader.segments(pause_limit)
    buffer = Buffer()
    candidates: list[SharedObject] = []
    for chunk in in_chunks(plan_pages(heap, segments), CHUNK):
        pages = [each.page for each in chunk if each.in_one]
        ranges = [(page.start, page.capacity * page.block) for page in pages]
        copy = buffer.copy(memory, ranges)
        for number, page in enumerate(pages):
            words = copy.words(number)
            if words is not None:
                candidates += _select_shared(page, words, heap.header_at(page.heap))
    types = Types(memory, layout)
    types.learn({each.type for each in candidates})
    found = []
    for candidate in candidates:
        facts = types.facts.get(candidate.type)
        # A type is counted in threads' arrays as well, and judged by these.
        if facts is not None and not facts.flags & TYPE_SUBCLASS:
            found.append(candidate)
    return found[:MOST_OBJECTS]


def _select_shared(page: Page, words: Words, header: int) -> list[SharedObject]:
    """Return what in a page has a shared count; some of it may be free, or no object."""
    stride = page.block // WORD
    shared = words.column(header // WORD + OB_REF_SHARED, stride)
    if not shared or max(shared) <= MOST_OWNED:
        return []
    types = words.column(header // WORD + OB_TYPE, stride)
    found = []
    for index, word in enumerate(shared):
        if MOST_OWNED < word < 1 << 63 and word & ~MOST_OWNED != DEFERRED:
            found.append(SharedObject(page.start + index * page.block + header, types[index]))
    return found
