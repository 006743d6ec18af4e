"""The layout of mimalloc's private structures in one process.

Source: ``mi_page_t``, ``mi_segment_t`` and ``mi_heap_t`` in
Include/internal/mimalloc/mimalloc/types.h, ``_PyThreadStateImpl.mimalloc`` in
Include/internal/pycore_mimalloc.h.  This module has what is the same in all versions of
mimalloc that CPython contains (2.1.2, 2.5.2) and in all builds.  The rest is found in the
process itself (:mod:`inspector.cpython.heap_discovery`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from inspector.cpython.layout import Offset

__all__ = [
    "CAPACITY",
    "FREE",
    "GC_HEAP",
    "GC_PRE_HEAP",
    "HEADER",
    "HEAPS",
    "HEAP_NAMES",
    "MEM_HEAP",
    "OBJECT_HEAP",
    "PRE_HEADER",
    "RESERVED",
    "SEGMENT",
    "SLICE",
    "SLICES",
    "HeapLayout",
]

SEGMENT: Final = 1 << 25
"""Bytes of a segment and its alignment (``MI_SEGMENT_SIZE``)."""

SLICE: Final = 1 << 16
"""Bytes of a slice (``MI_SEGMENT_SLICE_SIZE``); pages take whole slices."""

SLICES: Final = SEGMENT // SLICE

HEADER: Final = SLICE
"""Bytes of a segment's header: its first slice."""

CAPACITY, RESERVED, FREE = 10, 12, 16
"""Offsets in ``mi_page_t``: ``capacity`` u16, ``reserved`` u16, ``free``; in every version."""

HEAPS: Final = 4
MEM_HEAP, OBJECT_HEAP, GC_HEAP, GC_PRE_HEAP = range(HEAPS)
HEAP_NAMES: Final = ("mem", "object", "gc", "gc_pre")
"""``_Py_mimalloc_heap_id``: raw memory of containers, objects that the collector cannot
track, objects that it can track, and those of them with two words before the header."""

PRE_HEADER: Final = 16
"""Bytes before the header of an object in the last heap: dictionary and weak references."""


class HeapLayout(NamedTuple):
    """Offsets in bytes from the start of each structure; see the module's docstring."""

    slices: int
    """``mi_segment_t.slices``, an array of ``mi_page_t``."""
    page: int
    """``sizeof(mi_page_t)``."""
    segment_thread: int
    """``mi_segment_t.thread_id``: 0 for a segment that its thread has abandoned."""
    cookie: int
    """``mi_segment_t.cookie``."""
    secret: int
    """A segment's cookie and its address, combined by xor: the same for all segments."""
    block_size: int
    """``mi_page_t.xblock_size`` or ``block_size``; 32 bits of it are enough."""
    used: int
    """``mi_page_t.used``; 16 bits of it are enough."""
    local_free: int
    thread_free: int
    """``mi_page_t.xthread_free``, whose two lowest bits are flags."""
    owner: int
    """``mi_page_t.xheap``: the heap that has the page, NULL for an abandoned one."""
    page_start: int | None
    """``mi_page_t.page_start``; None in versions that compute it."""
    keys: int | None
    """``mi_page_t.keys``; None for builds that do not encode free lists."""
    tag_byte: int
    tag_shift: int
    """Byte and shift of the four bits with the number of a page's heap."""
    heaps: int
    """``_PyThreadStateImpl.mimalloc.heaps``."""
    heap_size: int
    """``sizeof(mi_heap_t)``."""
    delayed_free: int
    """``mi_heap_t.thread_delayed_free``."""
    object_offset: int
    """Bytes before an object in its block: 16 with the debug hooks of PyMem, else 0."""
    offsets: tuple[Offset, ...]
    """All of these offsets with their evidence."""

    def header_at(self, heap: int) -> int:
        """Return the offset of an object's header in a block of the heap with this number."""
        return self.object_offset + (PRE_HEADER if heap == GC_PRE_HEAP else 0)

    @property
    def goal(self) -> int:
        """``mi_page_t.qsbr_goal``, the last member: not 0 while an empty page waits for readers."""
        return self.page - 8

    @property
    def heap_keys(self) -> int:
        """``mi_heap_t.keys``, behind ``thread_id``, ``arena_id`` and ``cookie``."""
        return self.delayed_free + 32
