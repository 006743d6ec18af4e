"""Names of what stands in an instance: slots, and attributes in its own block.

Sources: ``PyHeapTypeObject`` (Include/cpython/object.h), ``type_new_slots``
(Objects/typeobject.c), ``PyDictValues`` (Include/internal/pycore_dict.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.text import read_strings
from inspector.cpython.words import decode_unsigned, word_at
from inspector.reader.dict_entries import VALUES_HEADER

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.reader.dict_entries import DictEntries
    from inspector.reader.heap_tally import Types

__all__ = ["InstanceSlots"]

INLINE_VALUES: Final = 1 << 2
"""``Py_TPFLAGS_INLINE_VALUES``."""
MOST_SLOTS: Final = 1 << 10
MOST_BASES: Final = 64


class InstanceSlots:
    """Names words of instances by their offset."""

    def __init__(self, memory: Memory, layout: Layout, types: Types, entries: DictEntries) -> None:
        self._memory = memory
        self._layout = layout
        self._types = types
        self._entries = entries
        self._known: dict[tuple[int, int], str | None] = {}

    def name(self, ob_type: int, offset: int) -> str | None:
        """Return the name of what stands at an offset of all instances; None if it is unknown."""
        key = ob_type, offset
        if key not in self._known:
            self._known[key] = self._find(ob_type, offset)
        return self._known[key]

    def _find(self, ob_type: int, offset: int) -> str | None:
        """Look for a name in a type and its bases."""
        base_at, size_at = (self._layout.type_field(each) for each in ("tp_base", "tp_basicsize"))
        address = ob_type
        for _ in range(MOST_BASES):
            facts = self._types.facts.get(address)
            if facts is None or not facts.heap:
                return None
            size, base = word_at(facts.words, size_at), word_at(facts.words, base_at)
            if address == ob_type and facts.flags & INLINE_VALUES and offset >= size:
                keys = word_at(facts.words, self._layout.ht_cached_keys)
                return self._entries.key_at(keys, (offset - size - VALUES_HEADER) // 8)
            self._types.learn([base])
            below = self._types.facts.get(base)
            start = size if below is None else word_at(below.words, size_at)
            if start <= offset < size:
                return self._read_slot(facts.words, (offset - start) // 8)
            address = base
        return None

    def _read_slot(self, words: bytes, number: int) -> str | None:
        """Return the name of a slot by its number: ``ht_slots`` has the names in their order."""
        published = self._layout.published
        names = word_at(words, self._layout.ht_slots)
        if not names:
            return None
        head = self._memory.read_many([(names + published["tuple_object.ob_size"], 8)])[0]
        count = word_at(head or bytes(8), 0)
        if not number < count <= MOST_SLOTS:
            return None
        piece = self._memory.read_many([(names + published["tuple_object.ob_item"], 8 * count)])[0]
        if piece is None:
            return None
        return read_strings(self._memory, published, [decode_unsigned(piece)[number]])[0]
