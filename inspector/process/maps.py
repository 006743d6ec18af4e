"""The memory of a process that belongs to no file, and which of its pages exist.

Sources: ``/proc/PID/maps``, and ``/proc/PID/pagemap``, one 64-bit word per page
(Documentation/admin-guide/mm/pagemap.rst).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from inspector.process import proc
from inspector.process.os_errors import make_process_error

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["find_anonymous_boundaries", "find_present_pages", "read_resident_bytes"]

MOST_BOUNDARIES: Final = 1 << 17
"""Most addresses that are returned: 4 TiB of memory with one for every 32 MiB."""

PRESENT: Final = 0b11 << 62
"""Bits of a page in RAM (63) or in swap (62)."""


def find_anonymous_boundaries(pid: int, alignment: int) -> list[int]:
    """Return the multiples of ``alignment`` (bytes) in writable memory that has no file.

    Reserved memory that nothing has touched is included: see :func:`find_present_pages`.
    Raises what :func:`~inspector.process.os_errors.make_process_error` returns.
    """
    found: list[int] = []
    try:
        mappings = proc.read_mappings(pid)
        for mapping in mappings:
            named = mapping.path and not mapping.path.startswith("[anon")
            if not mapping.writable or mapping.inode or named:
                continue
            first = -(-mapping.start // alignment) * alignment
            found += range(first, mapping.end, alignment)[:MOST_BOUNDARIES]
    except OSError as failure:
        raise make_process_error(failure.errno, pid) from None
    return found[:MOST_BOUNDARIES]


def find_present_pages(pid: int, addresses: Sequence[int]) -> list[int]:
    """Return the addresses whose page exists, in RAM or in swap.

    Returns all of them if the kernel does not tell.  Reading a page that does not exist makes
    the kernel map a page of zeros, with page tables that lead to it.
    """
    size = os.sysconf("SC_PAGE_SIZE")
    try:
        descriptor = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return list(addresses)
    present = []
    try:
        for address in addresses:
            entry = os.pread(descriptor, 8, address // size * 8)
            if int.from_bytes(entry, "little") & PRESENT:
                present.append(address)
    except OSError:
        return list(addresses)
    finally:
        os.close(descriptor)
    return present


def read_resident_bytes(pid: int) -> int | None:
    """Return the bytes of a process that are in RAM (``VmRSS``); None where unknown."""
    try:
        return int(proc.read_status(pid)["VmRSS"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None
