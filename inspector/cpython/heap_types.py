"""Whether a word is the address of a type, and what the type says of its instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import DICT_SUBCLASS, HEAP_TYPE, TYPE_SUBCLASS
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from collections.abc import Collection

    from inspector.cpython.layout import Layout
    from inspector.cpython.names import Named
    from inspector.process.protocols import Memory

__all__ = ["TypeFacts", "attached_words", "read_types"]

LIST_SUBCLASS: Final = 1 << 25
"""``Py_TPFLAGS_LIST_SUBCLASS`` (Include/object.h)."""

MOST_TYPES: Final = 1 << 17
"""Words that are looked at: raw memory may hold any number of them."""

LOWEST, HIGHEST = 1 << 16, 1 << 56


class TypeFacts(NamedTuple):
    """A type as it stands in memory."""

    address: int
    flags: int
    words: bytes
    """The structure, of a heap type up to its unique id."""

    @property
    def heap(self) -> bool:
        """Whether it was made at run time."""
        return bool(self.flags & HEAP_TYPE)

    @property
    def named(self) -> Named:
        """What asks for its name."""
        return ("type" if self.heap else "static", self.address, self.words)


def read_types(memory: Memory, layout: Layout, words: Collection[int]) -> dict[int, TypeFacts]:
    """Return those words that are addresses of types, each with what it says.

    A type is what has a type whose instances are types (``Py_TPFLAGS_TYPE_SUBCLASS``).
    """
    size = layout.published["type_object.size"]
    flags_at = layout.published["type_object.tp_flags"]
    type_at = layout.published["pyobject.ob_type"]
    order = sorted(each for each in words if not each % 8 and LOWEST <= each < HIGHEST)[:MOST_TYPES]
    pieces = memory.read_many([(each, size) for each in order])
    shapes = {each: piece for each, piece in zip(order, pieces, strict=True) if piece is not None}
    metatypes = sorted({word_at(piece, type_at) for piece in shapes.values()})
    plausible = [each for each in metatypes if not each % 8 and LOWEST <= each < HIGHEST]
    flags = memory.read_many([(each + flags_at, 8) for each in plausible])
    known = {
        each
        for each, piece in zip(plausible, flags, strict=True)
        if piece is not None and word_at(piece, 0) & TYPE_SUBCLASS
    }
    found = {
        each: TypeFacts(each, word_at(piece, flags_at), piece)
        for each, piece in shapes.items()
        if word_at(piece, type_at) in known
    }
    heap = [each for each in found.values() if each.heap]
    longer = memory.read_many([(each.address, layout.type_unique_id) for each in heap])
    for facts, piece in zip(heap, longer, strict=True):
        # Raw memory may look like a heap type that is cut off.
        if piece is None:
            del found[facts.address]
        else:
            found[facts.address] = facts._replace(words=piece)
    return found


def attached_words(layout: Layout, facts: TypeFacts) -> tuple[int, int | None] | None:
    """Return where an instance has the address of what hangs on it, and of what rules that out.

    The array of a list; the keys of a dictionary, which it shares with others if it has
    ``ma_values``.  None for other types.
    """
    published = layout.published
    if facts.flags & LIST_SUBCLASS:
        return published["list_object.ob_item"], None
    if facts.flags & DICT_SUBCLASS:
        return published["dict_object.ma_keys"], published["dict_object.ma_values"]
    return None
