"""Reads what the heaps of a process use, from the headers of their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.cpython.heap_layout import HEAP_NAMES, HEAPS, MEM_HEAP
from inspector.cpython.heap_pages import SLICE_BITS, index_pages
from inspector.process.maps import read_resident_bytes
from inspector.reader.heap_scene import segment_interpreters
from inspector.snapshots.heap import Allocator, HeapUse

if TYPE_CHECKING:
    from inspector.cpython.heap_pages import Page
    from inspector.reader.heap import HeapReader

__all__ = ["read_allocator"]

Key = tuple[int | None, int | None, str]
"""Interpreter, native thread id, name of the heap."""


def read_allocator(
    reader: HeapReader, pid: int, target: dict[str, Any], pause_limit: float
) -> Allocator:
    """Return what each heap of a process uses; the process keeps running."""
    rss = read_resident_bytes(pid)
    segments, owners, homes = reader.segments(pause_limit)
    of = segment_interpreters(segments, owners, homes, {})
    waiting = reader.waiting_blocks(segments, pause_limit)
    none = None if waiting is None else 0
    found: dict[Key, HeapUse] = {}
    keys: dict[int, Key] = {}
    for segment in segments:
        for page in segment.pages:
            owner = owners.get(page.owner)
            if owner is not None:
                key: Key = owner.interpreter, owner.native_id, _name_of(page)
            elif page.owner:
                # A heap that is in no thread state: memory that belongs to no interpreter.
                key = None, None, "raw" if page.heap == MEM_HEAP else _name_of(page)
            else:
                key = of.get(segment.address), None, _name_of(page)
            before = found.get(key, HeapUse(*key, 0, 0, 0, 0, 0, none, none, 0, 0))
            found[key] = _plus(before, page)
            keys[page.slice] = key
    pages = index_pages(page for segment in segments for page in segment.pages)
    for address in waiting or ():
        waited_in = pages.get(address >> SLICE_BITS)
        if waited_in is not None:
            row = found[keys[waited_in.slice]]
            found[keys[waited_in.slice]] = row._replace(
                waiting=(row.waiting or 0) + waited_in.block,
                waiting_blocks=(row.waiting_blocks or 0) + 1,
            )
    order = [*HEAP_NAMES, "raw"]
    rows = sorted(
        found.values(),
        key=lambda row: (
            row.interpreter is None,
            row.interpreter or 0,
            row.native_id is None,
            row.native_id or 0,
            order.index(row.heap) if row.heap in order else len(order),
        ),
    )
    return Allocator(target, rss, len(segments), tuple(rows))


def _name_of(page: Page) -> str:
    """Return the name of a page's heap."""
    return HEAP_NAMES[page.heap] if page.heap < HEAPS else str(page.heap)


def _plus(row: HeapUse, page: Page) -> HeapUse:
    """Add a page to the sums of its heap."""
    live = page.used * page.block
    # Blocks that can be allocated at once; the rest of a page has never been in use.
    freed = (page.capacity - page.used) * page.block
    return row._replace(
        committed=row.committed + page.room,
        live=row.live + live,
        free=row.free + page.room - live,
        abandoned=row.abandoned + (0 if page.owner else page.room),
        qsbr=row.qsbr + (page.room if page.goal and not page.used else 0),
        full=row.full + (0 if page.free or page.capacity < page.reserved else freed),
        blocks=row.blocks + page.used,
    )
