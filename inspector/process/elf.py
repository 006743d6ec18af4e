"""Section headers of an ELF file: where in the file a section lies.

Knows: the headers of 64-bit ELF in the machine's own byte order, elf(5).  By
hand because a library that knows all of ELF takes longer to import than a whole
reading takes (120 ms against 20 ms).  Files are a stranger's: every size is
capped, and nonsense is "no such section".
"""

from __future__ import annotations

import os
import struct
import sys
from typing import Final, NamedTuple

__all__ = ["Section", "find_section", "is_32_bit"]

HEADER_SIZE: Final = 64
MAGIC: Final = b"\x7fELF"
BITS_32, BITS_64 = 1, 2
BYTE_ORDER: Final = {"little": 1, "big": 2}[sys.byteorder]

SECTION_HEADER: Final = struct.Struct("=IIQQQQIIQQ")
MAX_NAMES: Final = 1 << 20
"""Bytes of section names, a thousand times those of a real interpreter."""

SHT_NOBITS: Final = 8
"""A section without bytes in the file."""


class Section(NamedTuple):
    """Where a section lies, in bytes from the start of the file."""

    offset: int
    size: int


def is_32_bit(descriptor: int) -> bool:
    """Tell whether an open file is a program for 32-bit processes."""
    head = _read_at(descriptor, 0, 5)
    return head == MAGIC + bytes([BITS_32])


def find_section(descriptor: int, name: bytes) -> Section | None:
    """Return a section of an open file; None if it has none of this name, or is no ELF."""
    header = _read_at(descriptor, 0, HEADER_SIZE)
    if header[:6] != MAGIC + bytes([BITS_64, BYTE_ORDER]) or len(header) < HEADER_SIZE:
        return None
    (table,) = struct.unpack_from("=Q", header, 40)
    entry_size, count, names_index = struct.unpack_from("=HHH", header, 58)
    if entry_size != SECTION_HEADER.size or names_index >= count:
        return None
    raw = _read_at(descriptor, table, entry_size * count)
    headers = list(SECTION_HEADER.iter_unpack(raw[: len(raw) // entry_size * entry_size]))
    if names_index >= len(headers):
        return None
    names = _read_at(descriptor, headers[names_index][4], min(headers[names_index][5], MAX_NAMES))
    for start, kind, _, _, offset, size, *_ in headers:
        if names[start : start + len(name) + 1] == name + b"\0" and kind != SHT_NOBITS:
            return Section(offset, size)
    return None


def _read_at(descriptor: int, offset: int, size: int) -> bytes:
    """Return up to ``size`` bytes of a file, none where its headers point outside of it."""
    if offset >= 1 << 63:
        return b""
    try:
        return os.pread(descriptor, size, offset)
    except OSError:
        return b""
