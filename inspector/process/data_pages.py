"""The pages of a process that can hold a pointer, wherever they are.

Sources: ``/proc/PID/maps``, and ``/proc/PID/pagemap``, one 64-bit word per page
(Documentation/admin-guide/mm/pagemap.rst).  A page of a private file mapping that nobody
wrote to is what the file says, and no file has the address of an object.
"""

from __future__ import annotations

import fcntl
import os
import re
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.process import proc
from inspector.process.os_errors import make_process_error
from inspector.process.vectors import PAGE

if TYPE_CHECKING:
    from inspector.process.proc import Mapping
    from inspector.process.vectors import Range

__all__ = ["DataPages", "find_data_pages"]

KERNEL: Final = ("[v", "[uprobes]")
"""Mappings of the kernel's own: vdso, vvar, vsyscall."""

SHARED_MEMORY: Final = ("/dev/shm/", "/memfd:", "/SYSV", "/dev/zero", "[")  # noqa: S108 - no file of ours
"""Beginnings of the paths of shared mappings that are no file on a disk."""

MOST_PAGES: Final = 1 << 24
"""Pages of one mapping that are looked up: 64 GiB."""

LARGE: Final = 1 << 12
"""Pages of a mapping from which on the kernel is asked for those that exist."""

PAGEMAP_SCAN: Final = 0xC060_6610
SCAN_SIZE: Final = 96
"""``struct pm_scan_arg`` (include/uapi/linux/fs.h; Linux 6.7): size, flags, start, end, walk_end,
vec, vec_len, max_pages, and four masks of categories."""
WALK_END: Final = 4
REGION_WORDS: Final = 3
"""``struct page_region``: start, end, categories."""
MOST_REGIONS: Final = 1 << 10
IS_FILE, IS_PRESENT, IS_SWAPPED = 1 << 2, 1 << 3, 1 << 4

OF_FILE, SWAPPED, EXISTS = 1 << 5, 1 << 6, 1 << 7
"""Bits of the highest byte of a word of pagemap: of a file or shared, in swap, in RAM."""

PRIVATE: Final = bytes(
    int(bool(each & (SWAPPED | EXISTS)) and not each & OF_FILE) for each in range(256)
)
"""Makes 1 of the highest byte of a page that exists and is not one of the file, else 0."""
ANY: Final = bytes(int(bool(each & (SWAPPED | EXISTS))) for each in range(256))

RUN: Final = re.compile(rb"\x01+")


class DataPages(NamedTuple):
    """Runs of pages that can hold a pointer, by address: (address, bytes)."""

    readable: list[Range]
    hidden: list[Range]
    """Of mappings that the process itself must not read, but has written to before."""
    unknown: list[str]
    """Mappings of which nobody tells which pages exist."""


def find_data_pages(pid: int) -> DataPages:
    """Return the pages of a process that can hold a pointer.

    Raises what :func:`~inspector.process.os_errors.make_process_error` returns.
    """
    found = DataPages([], [], [])
    try:
        mappings = list(proc.read_mappings(pid, unreadable=True))
    except OSError as failure:
        raise make_process_error(failure.errno, pid) from None
    try:
        descriptor = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        descriptor = -1
    try:
        for mapping in mappings:
            if not mapping.path.startswith(KERNEL):
                _add_mapping(found, mapping, descriptor)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return found


def _add_mapping(found: DataPages, mapping: Mapping, descriptor: int) -> None:
    """Add the pages of one mapping that can hold a pointer."""
    size = mapping.end - mapping.start
    of_disk = mapping.inode and not mapping.path.startswith(SHARED_MEMORY)
    if mapping.shared:
        if of_disk and not mapping.writable:
            return
        if not of_disk:
            # Pages of shared memory that were swapped out are not told from missing ones.
            (found.readable if mapping.readable else found.hidden).append((mapping.start, size))
            return
    if size // PAGE > LARGE:
        scanned = _scan_pages(descriptor, mapping)
        if scanned is not None:
            (found.readable if mapping.readable else found.hidden).extend(scanned)
            return
    if size // PAGE > MOST_PAGES:
        found.unknown.append(mapping.path or f"{mapping.start:#x}")
        return
    words = _read_pagemap(descriptor, mapping.start // PAGE, size // PAGE)
    if words is None:
        if mapping.readable and (mapping.writable or not of_disk):
            found.readable.append((mapping.start, size))
        elif mapping.readable:
            found.unknown.append(mapping.path)
        return
    exists = words[7::8].translate(ANY if mapping.shared else PRIVATE)
    runs = [
        (mapping.start + run.start() * PAGE, (run.end() - run.start()) * PAGE)
        for run in RUN.finditer(exists)
    ]
    (found.readable if mapping.readable else found.hidden).extend(runs)


def _scan_pages(descriptor: int, mapping: Mapping) -> list[Range] | None:
    """Return the runs of pages of a mapping that count; None where the kernel cannot scan.

    ``PAGEMAP_SCAN`` passes over parts without page tables: a terabyte that nobody touched
    takes no time.
    """
    if descriptor < 0:
        return None
    found: list[Range] = []
    regions = array("Q", bytes(8 * REGION_WORDS * MOST_REGIONS))
    start = mapping.start
    without = 0 if mapping.shared else IS_FILE
    exists = IS_PRESENT | IS_SWAPPED
    while start < mapping.end:
        place = regions.buffer_info()[0]
        request = array(
            "Q",
            (
                *(SCAN_SIZE, 0, start, mapping.end, 0, place, MOST_REGIONS, 0),
                *(without, without, exists, exists),
            ),
        )
        try:
            number = fcntl.ioctl(descriptor, PAGEMAP_SCAN, request)
        except OSError:
            return None
        for at in range(0, REGION_WORDS * number, REGION_WORDS):
            found.append((regions[at], regions[at + 1] - regions[at]))
        start = request[WALK_END]
    return found


def _read_pagemap(descriptor: int, first: int, number: int) -> bytes | None:
    """Return the words of so many pages; None where the kernel does not tell."""
    if descriptor < 0:
        return None
    pieces = []
    wanted = 8 * number
    at = 8 * first
    try:
        while wanted:
            piece = os.pread(descriptor, wanted, at)
            if not piece:
                return None
            pieces.append(piece)
            at += len(piece)
            wanted -= len(piece)
    except OSError:
        return None
    return b"".join(pieces)
