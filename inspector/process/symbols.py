"""Where functions of a mapped program are, by the symbols of its file.

Knows: ``Elf64_Sym`` {name u32, info u8, other u8, shndx u16, value u64, size u64}, elf(5).
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.process import proc
from inspector.process.elf import find_section
from inspector.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Function", "find_functions"]

SYMBOL: Final = struct.Struct("=IBBHQQ")
TABLES: Final = ((b".symtab", b".strtab"), (b".dynsym", b".dynstr"))
MOST_BYTES: Final = 1 << 26


class Function(NamedTuple):
    """A function in memory."""

    start: int
    end: int
    name: str


def find_functions(pid: int, anchor: str, address: int, names: Collection[str]) -> list[Function]:
    """Return those of some functions whose symbols the file has that is mapped at ``address``.

    ``anchor`` is the name of the symbol at that address, which says where the file lies.
    """
    home = proc.find_mapping(proc.read_mappings(pid), address)
    if home is None or not home.path.startswith("/"):
        return []
    places = (
        f"/proc/{pid}/map_files/{home.start:x}-{home.end:x}",
        f"/proc/{pid}/root{home.path}",
    )
    for place in places:
        try:
            handle = open_regular(place)
        except (OSError, ValueError):
            continue
        try:
            found = _read_symbols(handle, {anchor, *names})
        finally:
            os.close(handle)
        if anchor in found:
            shift = address - found.pop(anchor)[0]
            return sorted(
                Function(start + shift, start + shift + size, name)
                for name, (start, size) in found.items()
                if size
            )
    return []


def _read_symbols(handle: int, names: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return name -> value and size, from the tables of an open file."""
    wanted = {name.encode(): name for name in names}
    found: dict[str, tuple[int, int]] = {}
    for table, strings in TABLES:
        symbols, texts = find_section(handle, table), find_section(handle, strings)
        if symbols is None or texts is None or max(symbols.size, texts.size) > MOST_BYTES:
            continue
        data = os.pread(handle, symbols.size, symbols.offset)
        text = os.pread(handle, texts.size, texts.offset)
        whole = data[: len(data) // SYMBOL.size * SYMBOL.size]
        for name, _, _, section, value, size in SYMBOL.iter_unpack(whole):
            if section and value:
                key = text[name : text.find(b"\0", name)]
                if key in wanted:
                    found.setdefault(wanted[key], (value, size))
    return found
