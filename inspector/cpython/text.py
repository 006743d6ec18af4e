"""Reads strings and dictionary entries of a target, many at a time.

Sources: ``PyASCIIObject`` and ``struct _PyUnicodeObject_state``
(Include/cpython/unicodeobject.h), ``struct _dictkeysobject`` and its entries
(Include/internal/pycore_dict.h); 3.14 and 3.15 free-threaded builds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from inspector.cpython.words import decode_unsigned, word_at
from inspector.process.vectors import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = [
    "MAX_TEXT",
    "find_key",
    "read_c_strings",
    "read_dicts",
    "read_split_keys",
    "read_strings",
    "read_values",
]

MAX_TEXT: Final = 1 << 12
"""Most characters of a string that are read; the text of a longer one ends in ``…``."""

C_PIECE: Final = 64
"""Bytes of a C string that are read per step: nearly all of them are shorter."""

FIRST_READ: Final = 160
"""Bytes that hold the header of a string and nearly always all of its text."""

MAX_ENTRIES: Final = 1 << 16
MAX_LOG2_INDEX_BYTES: Final = 40
"""``dk_log2_index_bytes`` of any dictionary that fits in memory is less."""

_UTF: Final = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}

# struct _PyUnicodeObject_state: a byte "interned", then bit-fields kind:3, compact:1, ascii:1.
_KIND_SHIFT: Final = 8
_COMPACT: Final = 1 << 11
_ASCII: Final = 1 << 12

_KEYS_HEADER: Final = 32
"""``offsetof(struct _dictkeysobject, dk_indices)``."""
_GENERAL, _UNICODE, _SPLIT = 0, 1, 2
"""``dk_kind``: entries {hash, key, value}, and {key, value} twice; values of the last one stand
with each instance."""
MAX_SPLIT: Final = 1 << 7
"""More keys are never shared (``SHARED_KEYS_MAX_SIZE`` is 30)."""


def read_strings(
    memory: Memory, published: Published, addresses: Sequence[int]
) -> list[str | None]:
    """Return the text of each ``str`` object, None for an address that holds none.

    Text of more than :data:`MAX_TEXT` characters is cut, and ends in ``…``.
    """
    # Many classes share the string that names their module.
    order = list(dict.fromkeys(addresses))
    heads = memory.read_many([(address, FIRST_READ) for address in order])
    # A short string may be at the end of a mapping: then only its header is read.
    size = published["unicode_object.asciiobject_size"]
    texts: dict[int, str | None] = dict.fromkeys(order)
    rest: list[tuple[int, int, int, int]] = []
    for address, head in zip(order, heads, strict=True):
        found = head or _read_less(memory, address, size)
        if found is None:
            continue
        kind, place, length = _decode_text_header(published, found, address)
        if kind == 0:
            continue
        start = place - address
        end = start + kind * min(length, MAX_TEXT)
        if start >= 0 and end <= len(found):
            texts[address] = _decode_text(found[start:end], kind, length)
        else:
            rest.append((address, kind, length, place))
    pieces = memory.read_many([(at, kind * min(n, MAX_TEXT)) for _, kind, n, at in rest])
    for (address, kind, length, _), piece in zip(rest, pieces, strict=True):
        if piece is not None:
            texts[address] = _decode_text(piece, kind, length)
    return [texts[address] for address in addresses]


def _read_less(memory: Memory, address: int, size: int) -> bytes | None:
    """Read the header alone."""
    return memory.read_many([(address, size)])[0] if address else None


def _decode_text_header(published: Published, head: bytes, address: int) -> tuple[int, int, int]:
    """Return (bytes per character, address of the text, characters); all 0 if no string."""
    length = struct.unpack_from("=q", head, published["unicode_object.length"])[0]
    state = struct.unpack_from("=I", head, published["unicode_object.state"])[0]
    kind = state >> _KIND_SHIFT & 7
    if kind not in _UTF or length < 0:
        return 0, 0, 0
    # PyCompactUnicodeObject adds utf8_length and utf8, PyUnicodeObject a pointer to the text.
    size = published["unicode_object.asciiobject_size"]
    if state & _COMPACT:
        return kind, address + (size if state & _ASCII else size + 16), length
    place = word_at(head, size + 16)
    return (kind, place, length) if place and len(head) >= size + 24 else (0, 0, 0)


def read_c_strings(memory: Memory, addresses: Sequence[int], most: int) -> list[bytes | None]:
    """Return up to ``most`` bytes of each C string; None for an unreadable address."""
    found: dict[int, bytes | None] = dict.fromkeys(addresses, b"")
    rest = {address: address for address in found}
    """Address of a string -> address from which to read on."""
    while rest:
        ranges = [(at, min(C_PIECE, PAGE - at % PAGE)) for at in rest.values()]
        pieces = memory.read_many(ranges)
        following = {}
        for (address, at), piece in zip(rest.items(), pieces, strict=True):
            text, end, _ = (piece or b"").partition(b"\0")
            before = found[address] or b""
            found[address] = None if piece is None else (before + text)[:most]
            if piece is not None and not end and len(before + text) < most:
                following[address] = at + len(piece)
        rest = following
    return [found[address] for address in addresses]


def _decode_text(data: bytes, kind: int, length: int) -> str | None:
    """Decode text, which may hold lone surrogates; None for bytes that are no characters."""
    try:
        text = data.decode(_UTF[kind], "surrogatepass" if kind > 1 else "strict")
    except UnicodeDecodeError:
        return None  # The string was freed, and its memory is used for something else.
    return text if length <= MAX_TEXT else text + "…"


def read_values(
    memory: Memory, published: Published, dicts: Sequence[int], keys: set[int]
) -> list[int | None]:
    """Return the address of the value under a key in each dictionary; None for no value.

    ``keys`` are the addresses that the key object can have.  CPython's own names are
    singletons, so it is enough to compare addresses.
    """
    found: list[int | None] = [None] * len(dicts)
    for number, words, width in read_dicts(memory, published, dicts):
        column = words[width - 2 :: width]
        for key in keys.intersection(column):
            found[number] = words[column.index(key) * width + width - 1] or None
    return found


def find_key(memory: Memory, published: Published, dicts: Sequence[int], name: str) -> set[int]:
    """Return the addresses of the key objects that spell ``name`` in these dictionaries."""
    keys: set[int] = set()
    for _, words, width in read_dicts(memory, published, dicts):
        keys.update(words[width - 2 : -1 : width])
    keys.discard(0)
    order = list(keys)
    found: set[int] = set()
    for address, text in zip(order, read_strings(memory, published, order), strict=True):
        if text == name:
            found.add(address)
    return found


def read_dicts(
    memory: Memory, published: Published, dicts: Sequence[int]
) -> list[tuple[int, list[int], int]]:
    """Return (number of the dictionary, words of its entries, words per entry)."""
    at = published["dict_object.ma_keys"]
    pointers = memory.read_many([(address + at, 16) for address in dicts])
    tables = []
    for number, piece in enumerate(pointers):
        keys, values = struct.unpack("=QQ", piece) if piece else (0, 0)
        if keys and not values:
            tables.append((number, keys))
    heads = memory.read_many([(keys, _KEYS_HEADER) for _, keys in tables])
    ranges = []
    shapes = []
    for (number, keys), head in zip(tables, heads, strict=True):
        if head is None:
            continue
        index_bytes, kind = head[9], head[10]
        count = struct.unpack_from("=q", head, 24)[0]
        if (
            kind not in (_GENERAL, _UNICODE)
            or not 0 < count <= MAX_ENTRIES
            or index_bytes > MAX_LOG2_INDEX_BYTES
        ):
            continue
        width = 3 if kind == _GENERAL else 2
        ranges.append((keys + _KEYS_HEADER + (1 << index_bytes), 8 * width * count))
        shapes.append((number, width))
    entries = []
    for (number, width), piece in zip(shapes, memory.read_many(ranges), strict=True):
        if piece is not None:
            entries.append((number, decode_unsigned(piece), width))
    return entries


def read_split_keys(memory: Memory, tables: Sequence[int]) -> dict[int, list[int]]:
    """Return the addresses of the keys that instances of a type share, by key table.

    ``ht_cached_keys`` is a ``struct _dictkeysobject`` of the kind ``DICT_KEYS_SPLIT``.
    """
    heads = memory.read_many([(keys, _KEYS_HEADER) for keys in tables])
    chosen, ranges = [], []
    for keys, head in zip(tables, heads, strict=True):
        if head is None or not keys or head[10] != _SPLIT or head[9] > MAX_LOG2_INDEX_BYTES:
            continue
        count = struct.unpack_from("=q", head, 24)[0]
        if 0 < count <= MAX_SPLIT:
            chosen.append(keys)
            ranges.append((keys + _KEYS_HEADER + (1 << head[9]), 16 * count))
    found: dict[int, list[int]] = {}
    for keys, piece in zip(chosen, memory.read_many(ranges), strict=True):
        if piece is not None:
            found[keys] = decode_unsigned(piece)[::2]
    return found
