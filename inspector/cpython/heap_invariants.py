"""What must be true of a heap's structures, as tests of offsets: no place is chosen here.

The parts of :mod:`inspector.cpython.heap_discovery`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import CAPACITY, FREE, HEAPS, RESERVED, SLICE
from inspector.cpython.heap_pages import page_start
from inspector.cpython.words import word_at
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_places import Entry, Places
    from inspector.process.protocols import Memory

__all__ = [
    "Anchors",
    "Heaps",
    "Owner",
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
"""A random number of 64 bits is none of so few: it has bits from this one on."""


class Owner(NamedTuple):
    """A thread state, in which there are four heaps."""

    address: int
    identity: int
    """``_Py_ThreadId()``."""
    bound: bool
    """Its thread has begun: its heaps are initialised."""


class Anchors(NamedTuple):
    """What is known of a process before its heap is understood."""

    members: Sequence[int]
    """Addresses of objects that the collector knows: those with a unique id."""
    owners: Sequence[Owner]
    begin: int
    """Offset in a thread state from which on its heaps may stand."""
    end: int
    """Offset at which they have ended."""


class Heaps(NamedTuple):
    """Where heaps are in a thread state."""

    first: int
    size: int


def only(field: str, found: Sequence[int], pages: int) -> int:
    """Return the one offset that was found; raise :class:`LayoutError` for none or several."""
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
    """Whether blocks of the size at an offset fill the page but for less than four of them."""
    size, reserved = entry.integer(at), entry.half(RESERVED)
    return size >= 8 and reserved * size <= entry.room < (reserved + 4) * size  # noqa: PLR2004 - a word


def is_list(entries: Sequence[Entry], at: int) -> bool:
    """Whether a word is NULL or a block of the page everywhere, and not always NULL."""
    heads = [(each, each.word(at)) for each in entries if each.word(at)]
    return bool(heads) and all(each.holds(head) for each, head in heads)


def require_lists(entries: Sequence[Entry], thread_free: int) -> None:
    """Refuse pages whose lists of free blocks lead elsewhere."""
    for each in entries:
        for field, head in (
            ("free", each.word(FREE)),
            ("xthread_free", each.word(thread_free) & ~3),
        ):
            if head and not each.holds(head):
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
    """Return the byte and the shift at which a page has the number of its heap."""
    owned = []
    for each in entries:
        offset = offset_in_thread(each.word(owner), anchors)
        if offset is not None:
            owned.append((each.data, (offset - heaps.first) // heaps.size))
    known = range(CAPACITY - 2, len(entries[0].data))
    found = [
        8 * at + shift
        for at in known
        for shift in range(5)
        if all(data[at] >> shift & TAG_BITS == number for data, number in owned)
    ]
    return divmod(only("mi_page_t.tag", found, len(owned)), 8)


def find_cookie(places: Places) -> tuple[int, int]:
    """Return where the cookie of a segment is, and what it says in all of them.

    The masks of slices that are in use come before it, and may look random.
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
    """Return where a heap has blocks that other threads freed: before its thread's id."""
    bound = [each for each in anchors.owners if each.bound]
    ranges = [
        (each.address + heaps.first + number * heaps.size, heaps.size)
        for each in bound
        for number in range(HEAPS)
    ]
    pieces = memory.read_many(ranges)
    identities = [each.identity for each in bound for _ in range(HEAPS)]
    if not pieces:
        raise LayoutError("mi_heap_t.thread_id", expected="a thread that has begun", found="none")
    for (address, size), piece in zip(ranges, pieces, strict=True):
        if piece is None:
            raise MemoryFault(address, size)
    found = [
        at - 8
        for at in range(8, heaps.size - 7, 8)
        if all(
            word_at(piece or b"", at) == identity
            for piece, identity in zip(pieces, identities, strict=True)
        )
    ]
    return only("mi_heap_t.thread_id", found, len(pieces))


def find_object_offset(members: Sequence[int], blocks: Sequence[tuple[Entry, int, int]]) -> int:
    """Return how many bytes of its block are before an object."""
    by_slice = {
        at >> SLICE_BITS: (start, block) for entry, start, block in blocks for at in entry.slices
    }
    found = set()
    for address in members:
        place = by_slice.get(address >> SLICE_BITS)
        if place is not None:
            found.add((address - place[0]) % place[1])
    return only("PyObject in its block", sorted(found), len(blocks))
