"""Finds mimalloc's private offsets in a live process, by what must be true of them.

Source: as :mod:`inspector.cpython.heap_layout`; mimalloc 2.1.2 (CPython 3.14.7, 3.15.0rc2)
and 2.5.2.  Objects in the pools of unique ids are certainly in segments, and thread states
certainly contain heaps.  An offset is accepted if it is the only one at which a statement
holds for all pages of those segments; otherwise there is no layout.

A process that changes meanwhile can make the right offset fail, so the caller tries again;
it cannot make a wrong one pass.
"""

from __future__ import annotations

from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING, Final

from inspector.cpython.heap_invariants import (
    Heaps,
    find_common,
    find_cookie,
    find_delayed,
    find_object_offset,
    find_tag,
    fits,
    is_list,
    offset_in_thread,
    only,
    require_lists,
    start_of,
)
from inspector.cpython.heap_layout import (
    FREE,
    GC_HEAP,
    HEAPS,
    SEGMENT,
    SLICE,
    HeapLayout,
)
from inspector.cpython.heap_lists import find_lists
from inspector.cpython.heap_places import find_places
from inspector.cpython.layout import Offset
from inspector.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.cpython.heap_invariants import Anchors
    from inspector.cpython.heap_places import Entry
    from inspector.process.protocols import Memory

__all__ = ["discover_heap"]

FIRST_UNKNOWN: Final = FREE + 8
"""Offset of the first member of ``mi_page_t`` that moves between versions."""

SLICE_BITS: Final = SLICE.bit_length() - 1


def discover_heap(memory: Memory, anchors: Anchors) -> HeapLayout:
    """Return the layout of a process's heap.

    Raises :class:`LayoutError` for the first member that no offset fits, or several, and
    :class:`MemoryFault` if memory was unmapped meanwhile.
    """
    segments = {address & -SEGMENT for address in anchors.members}
    places = find_places(memory, list(segments))
    entries = places.entries
    number = len(entries)
    owner = _find_owner(entries, anchors)
    heaps = _find_heaps(entries, anchors, owner)
    sizes = range(FIRST_UNKNOWN, places.page - 3, 4)
    block_size = only("mi_page_t.block_size", find_common(sizes, entries, fits), number)
    thread_free = owner - 8
    require_lists(entries, thread_free)
    words = list(range(FIRST_UNKNOWN, places.page - 7, 8))
    words.remove(owner)
    words.remove(thread_free)
    starts = find_common(words, entries, _is_start)
    start = only("mi_page_t.page_start", starts, number) if starts else None
    lists = [at for at in words if at != start and is_list(entries, at)]
    local_free = only("mi_page_t.local_free", lists, number)
    blocks = []
    for entry in entries:
        first = start_of(entry, start, block_size)
        blocks.append((entry, first, entry.integer(block_size)))
    found = find_lists(memory, blocks, (local_free, thread_free), places.page)
    tag_byte, tag_shift = find_tag(entries, owner, heaps, anchors)
    cookie, secret = find_cookie(places)
    delayed = find_delayed(memory, anchors, heaps)
    in_block = find_object_offset(anchors.members, blocks)
    segments_seen = len(places.headers)
    looked_at = "1 segment" if segments_seen == 1 else f"{segments_seen} segments"
    offsets = {
        "mi_segment_t.slices": (places.slices, f"spans end where segments do, in {looked_at}"),
        "mi_segment_t.cookie": (cookie, f"the same secret in {looked_at}"),
        "mi_page_t": (places.page, f"spans of {number} pages lead back"),
        "mi_page_t.xheap": (owner, f"a thread's heap, or 0, in {number} pages"),
        "mi_page_t.block_size": (block_size, f"fills {number} pages"),
        "mi_page_t.page_start": (
            start,
            f"inside each of {number} pages" if starts else "worked out from blocks",
        ),
        "mi_page_t.local_free": (local_free, f"inside the page or 0 in {number} pages"),
        "mi_page_t.used": (found.used, f"capacity without free blocks in {found.pages} pages"),
        "mi_page_t.keys": (
            found.keys,
            f"lists of {found.pages} pages are plain"
            if found.keys is None
            else f"decode the lists of {found.pages} pages",
        ),
        "mi_page_t.tag": (tag_byte, f"number of the heap in {number} pages"),
        "_PyThreadStateImpl.mimalloc.heaps": (heaps.first, f"heaps of {heaps.size} bytes"),
        "mi_heap_t.thread_delayed_free": (
            delayed,
            f"before the id in {len(anchors.owners)} threads",
        ),
        "PyObject in its block": (in_block, f"of {len(anchors.members)} objects"),
    }
    return HeapLayout(
        slices=places.slices,
        page=places.page,
        segment_thread=places.slices - 8,
        cookie=cookie,
        secret=secret,
        block_size=block_size,
        used=found.used,
        local_free=local_free,
        thread_free=thread_free,
        owner=owner,
        page_start=start,
        keys=found.keys,
        tag_byte=tag_byte,
        tag_shift=tag_shift,
        heaps=heaps.first,
        heap_size=heaps.size,
        delayed_free=delayed,
        object_offset=in_block,
        offsets=_list_offsets(offsets),
    )


def _list_offsets(found: Mapping[str, tuple[int | None, str]]) -> tuple[Offset, ...]:
    """Return offsets with their evidence, given by field."""
    offsets = []
    for field, (value, evidence) in found.items():
        offsets.append(Offset(field, value, "discovered", evidence))
    return tuple(offsets)


def _is_start(entry: Entry, at: int) -> bool:
    """Whether a word of ``mi_page_t`` is an address in the page."""
    return entry.holds(entry.word(at))


def _find_owner(entries: Sequence[Entry], anchors: Anchors) -> int:
    """Return the offset of ``xheap``: it leads into a thread state unless it is abandoned."""
    if not entries:
        raise LayoutError("mi_segment_t.slices", expected="pages in use", found="none")
    words = range(FIRST_UNKNOWN + 8, len(entries[0].data) - 7, 8)
    found = find_common(words, entries, lambda entry, at: _leads_to_owner(entry, at, anchors))
    return only("mi_page_t.xheap", found, len(entries))


def _leads_to_owner(entry: Entry, at: int, anchors: Anchors) -> bool:
    """Whether a word is an address in a thread state, or 0 in a segment without a thread."""
    if not entry.thread:
        return not entry.word(at)
    return offset_in_thread(entry.word(at), anchors) is not None


def _find_heaps(entries: Sequence[Entry], anchors: Anchors, owner: int) -> Heaps:
    """Return where heaps are in a thread state: their distances are as their numbers."""
    offsets: set[int] = set()
    for entry in entries:
        offset = offset_in_thread(entry.word(owner), anchors)
        if offset is not None:
            offsets.add(offset)
    of_members: set[int | None] = set()
    for entry in _pages_of(anchors.members, entries):
        if entry.word(owner):
            of_members.add(offset_in_thread(entry.word(owner), anchors))
    ordered = sorted(offsets)
    size = gcd(*(after - before for before, after in pairwise(ordered)))
    # Two heaps whose numbers differ by 2 are two steps apart.
    if len(of_members) == 1 and HEAPS - 1 <= len(ordered) <= HEAPS and size:
        first = (of_members.copy().pop() or 0) - GC_HEAP * size
        numbers = [(offset - first) // size for offset in ordered]
        if anchors.begin <= first and set(numbers) <= set(range(HEAPS)):
            return Heaps(first, size)
    raise LayoutError(
        "_PyThreadStateImpl.mimalloc.heaps",
        expected="four heaps, objects with an id in the third",
        found=f"{len(ordered)} places, {len(of_members)} of such objects",
    )


def _pages_of(members: Sequence[int], entries: Sequence[Entry]) -> Iterable[Entry]:
    """Return the page that contains each object."""
    by_slice: dict[int, Entry] = {}
    for entry in entries:
        for address in entry.slices:
            by_slice[address >> SLICE_BITS] = entry
    pages = []
    for address in members:
        page = by_slice.get(address >> SLICE_BITS)
        if page is not None:
            pages.append(page)
    return pages
