"""Which pages of a process can hold a pointer: of this one, which knows what it made."""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile

from inspector.process.data_pages import find_data_pages
from inspector.process.vectors import PAGE

PAGES = 64
MAP_NORESERVE = 0x4000


def holds(ranges: list[tuple[int, int]], address: int) -> bool:
    """Whether an address is in one of some ranges."""
    return any(start <= address < start + size for start, size in ranges)


def address_of(room: mmap.mmap) -> int:
    """Return where a mapping is."""
    return ctypes.addressof(ctypes.c_char.from_buffer(room))


def test_only_pages_that_were_touched_are_searched() -> None:
    room = mmap.mmap(-1, PAGES * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room[PAGE * 40] = 1
    found = find_data_pages(os.getpid())
    at = address_of(room)
    assert holds(found.readable, at + 40 * PAGE)
    assert not holds(found.readable, at + 20 * PAGE)
    assert sum(size for _, size in found.readable) > PAGE


def test_a_private_page_of_a_file_counts_once_it_was_written_to() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(4 * PAGE))
        file.flush()
        room = mmap.mmap(file.fileno(), 4 * PAGE, access=mmap.ACCESS_COPY)
        assert room[0] == room[PAGE] == 0
        room[PAGE] = 1
        found = find_data_pages(os.getpid())
        at = address_of(room)
    assert holds(found.readable, at + PAGE)
    assert not holds(found.readable, at)


def test_shared_memory_is_searched_whole() -> None:
    room = mmap.mmap(-1, PAGES * PAGE)
    found = find_data_pages(os.getpid())
    at = address_of(room)
    assert all(holds(found.readable, at + number * PAGE) for number in range(PAGES))


def test_pages_that_must_not_be_read_are_told_apart() -> None:
    room = mmap.mmap(-1, 4 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room[0] = 1
    at = address_of(room)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(at, 4 * PAGE, 0) == 0
    found = find_data_pages(os.getpid())
    assert protect(at, 4 * PAGE, mmap.PROT_READ | mmap.PROT_WRITE) == 0
    assert holds(found.hidden, at)
    assert not holds(found.readable, at)


def test_a_large_mapping_is_searched_where_it_was_touched() -> None:
    size = 1 << 37
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    room = mmap.mmap(-1, size, flags=flags)
    touched = [7 * PAGE, size // 2, size - PAGE]
    for place in touched:
        room[place] = 1
    found = find_data_pages(os.getpid())
    at = address_of(room)
    inside = [(start, length) for start, length in found.readable if at <= start < at + size]
    if not found.unknown:  # Linux 6.7 can scan
        assert all(holds(inside, at + place) for place in touched)
        assert sum(length for _, length in inside) < 1 << 24
