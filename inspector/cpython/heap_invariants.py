"""Tests of offsets of a heap's structures: what must be true at the right offset.

:mod:`inspector.cpython.heap_discovery` chooses offsets with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import CAPACITY, FREE, HEAPS, RESERVED, SLICE
from inspector.cpython.heap_pages import page_start
from inspector.cpython.words import word_at
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inspector.cpython.heap_places import Entry, Places
    from inspector.process.protocols import Memory

__all__ = [
    "Anchors",
    "Heaps",
    "Owner",
    "find_common",
    "find_cookie",
    "find_delayed",
    "find_object_offset",
    "find_tag",
    "fits",
    "is_list",
    "offset_in_thread",
    "only",
    "require_lists",
    "start_of",
]

TAG_BITS: Final = 15
"""``mi_page_t.tag`` has four bits."""

SLICE_BITS: Final = SLICE.bit_length() - 1

RANDOM: Final = 40
"""A random number of 64 bits has bits from this one on, in nearly every process."""


class Owner(NamedTuple):
    """A thread state, which contains four heaps."""

    address: int
    identity: int
    """``_Py_ThreadId()``."""
    bound: bool
    """Whether its thread has begun: only then its heaps are initialised."""


class Anchors(NamedTuple):
    """What is known of a process before the layout of its heap is found."""

    members: Sequence[int]
    """Addresses of objects in the heap of the collector: those with a unique id."""
    owners: Sequence[Owner]
    begin: int
    """First offset in a thread state at which its heaps can be."""
    end: int
    """Offset in a thread state before which its heaps end."""


class Heaps(NamedTuple):
    """Offset and size of the heaps in a thread state."""

    first: int
    size: int


def only(field: str, found: Sequence[int], pages: int) -> int:
    """Return the only offset of a list; raise :class:`LayoutError` for none or several."""
    if len(found) != 1:
        raise LayoutError(
            field, expected=f"one offset that fits {pages} pages", found=str(len(found))
        )
    return found[0]


def offset_in_thread(address: int, anchors: Anchors) -> int | None:
    """Return the offset of an address in the thread state that it is in."""
    for owner in anchors.owners:
        if anchors.begin <= address - owner.address < anchors.end:
            return address - owner.address
    return None


def fits(entry: Entry, at: int) -> bool:
    """Whether blocks of the size at an offset fill the page, except for less than four blocks."""
    size, reserved = entry.integer(at), entry.half(RESERVED)
    return size >= 8 and reserved * size <= entry.room < (reserved + 4) * size  # noqa: PLR2004 - a word


def is_list(entries: Sequence[Entry], at: int) -> bool:
    """Whether a word is NULL or a block of the page in all pages, and not NULL in all."""
    some = False
    for entry in entries:
        head = entry.word(at)
        if head and not entry.holds(head):
            return False
        some = some or bool(head)
    return some


def find_common(
    offsets: Iterable[int], entries: Sequence[Entry], holds: Callable[[Entry, int], bool]
) -> list[int]:
    """Return the offsets at which a test holds for all pages."""
    common = []
    for at in offsets:
        for entry in entries:
            if not holds(entry, at):
                break
        else:
            common.append(at)
    return common


def require_lists(entries: Sequence[Entry], thread_free: int) -> None:
    """Raise for a page whose lists of free blocks lead out of the page."""
    for entry in entries:
        for field, head in (
            ("free", entry.word(FREE)),
            ("xthread_free", entry.word(thread_free) & ~3),
        ):
            if head and not entry.holds(head):
                raise LayoutError(
                    f"mi_page_t.{field}", expected="a block of the page", found=f"{head:#x}"
                )


def start_of(entry: Entry, start: int | None, block_size: int) -> int:
    """Return the address of a page's first block."""
    if start is not None:
        return entry.word(start)
    return page_start(entry.slice, entry.room, entry.integer(block_size), entry.half(RESERVED))


def find_tag(
    entries: Sequence[Entry], owner: int, heaps: Heaps, anchors: Anchors
) -> tuple[int, int]:
    """Return the byte and the shift at which ``mi_page_t`` has the number of its heap."""
    owned = []
    for entry in entries:
        offset = offset_in_thread(entry.word(owner), anchors)
        if offset is not None:
            owned.append((entry.data, (offset - heaps.first) // heaps.size))
    found = []
    for at in range(CAPACITY - 2, len(entries[0].data)):
        for shift in range(5):
            for data, number in owned:
                if data[at] >> shift & TAG_BITS != number:
                    break
            else:
                found.append(8 * at + shift)
    return divmod(only("mi_page_t.tag", found, len(owned)), 8)


def find_cookie(places: Places) -> tuple[int, int]:
    """Return the offset of a segment's cookie, and the secret that all segments share.

    The masks of used slices, which may look random too, come before the cookie.
    """
    found = None
    for at in range(0, places.slices - 8, 8):
        words = [(address, word_at(header, at)) for address, header in places.headers.items()]
        secrets = {address ^ word for address, word in words}
        if len(secrets) == 1 and all(word >> RANDOM for _, word in words):
            found = at, secrets.pop()
    if found is None:
        raise LayoutError(
            "mi_segment_t.cookie",
            expected=f"one secret in {len(places.headers)} segments",
            found="none",
        )
    return found


def find_delayed(memory: Memory, anchors: Anchors, heaps: Heaps) -> int:
    """Return the offset of ``thread_delayed_free`` in a heap: before the id of its thread."""
    ranges, identities = [], []
    for owner in anchors.owners:
        if owner.bound:
            for number in range(HEAPS):
                ranges.append((owner.address + heaps.first + number * heaps.size, heaps.size))
                identities.append(owner.identity)
    if not ranges:
        raise LayoutError("mi_heap_t.thread_id", expected="a thread that has begun", found="none")
    read: list[tuple[bytes, int]] = []
    for (address, size), piece, identity in zip(
        ranges, memory.read_many(ranges), identities, strict=True
    ):
        if piece is None:
            raise MemoryFault(address, size)
        read.append((piece, identity))
    found = []
    for at in range(8, heaps.size - 7, 8):
        for piece, identity in read:
            if word_at(piece, at) != identity:
                break
        else:
            found.append(at - 8)
    return only("mi_heap_t.thread_id", found, len(read))


def find_object_offset(members: Sequence[int], blocks: Sequence[tuple[Entry, int, int]]) -> int:
    """Return the bytes before an object in its block: 0, or 16 with debug hooks."""
    by_slice: dict[int, tuple[int, int]] = {}
    for entry, start, block in blocks:
        for address in entry.slices:
            by_slice[address >> SLICE_BITS] = start, block
    found = set()
    for address in members:
        place = by_slice.get(address >> SLICE_BITS)
        if place is not None:
            found.add((address - place[0]) % place[1])
    return only("PyObject in its block", sorted(found), len(blocks))
