"""The values of single objects, as far as they are plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.layout import UNICODE_SUBCLASS
from inspector.cpython.text import read_strings
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_types import TypeFacts
    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["read_values_of"]

BYTES_SUBCLASS: Final = 1 << 27
LONG_SUBCLASS: Final = 1 << 24
"""``Py_TPFLAGS_…`` (Include/object.h)."""

MOST_BYTES: Final = 60
MOST_CHARACTERS: Final = 60
MOST_DIGITS: Final = 8
DIGIT_BITS: Final = 30
NEGATIVE: Final = 2
LV_TAG, OB_DIGIT = 32, 40
"""``struct _PyLongValue``: the number of digits above three bits, the lowest of which say
zero (1) or negative (2) (Include/cpython/longintrepr.h, 3.14 and 3.15)."""


def read_values_of(
    memory: Memory, published: Published, facts: TypeFacts, addresses: Sequence[int]
) -> list[str | None]:
    """Return the repr of strings, bytes and integers, cut where it is long; None for others."""
    if facts.flags & UNICODE_SUBCLASS:
        texts = read_strings(memory, published, addresses)
        return [None if text is None else _cut(text) for text in texts]
    if facts.flags & BYTES_SUBCLASS:
        return [_read_bytes(memory, published, address) for address in addresses]
    if facts.flags & LONG_SUBCLASS:
        return [_read_integer(memory, address) for address in addresses]
    return [None] * len(addresses)


def _cut(text: str) -> str:
    """Return the repr of a string's beginning."""
    more = "…" if len(text) > MOST_CHARACTERS else ""
    return f"{text[:MOST_CHARACTERS]!r}{more}"


def _read_bytes(memory: Memory, published: Published, address: int) -> str | None:
    """Return the repr of a bytes object."""
    head = memory.read_many([(address + published["bytes_object.ob_size"], 8)])[0]
    if head is None:
        return None
    size = word_at(head, 0)
    at = address + published["bytes_object.ob_sval"]
    piece = memory.read_many([(at, min(size, MOST_BYTES))])[0]
    return None if piece is None else repr(piece) + "…" * (size > MOST_BYTES)


def _read_integer(memory: Memory, address: int) -> str | None:
    """Return the digits of an int of at most 240 bits."""
    head = memory.read_many([(address + LV_TAG, 8)])[0]
    if head is None:
        return None
    tag = word_at(head, 0)
    number = tag >> 3
    digits = memory.read_many([(address + OB_DIGIT, 4 * min(number, MOST_DIGITS))])[0]
    if digits is None or number > MOST_DIGITS:
        return None
    value = 0
    for place in range(number):
        value += int.from_bytes(digits[4 * place : 4 * place + 4], "little") << DIGIT_BITS * place
    return str(-value if tag & NEGATIVE else value)
