"""Reads one type: its flags, bases, subclasses, and which base frees its instances.

Sources: ``PyTypeObject`` (Include/cpython/object.h), ``Py_TPFLAGS_*``
(Include/object.h), ``subtype_dealloc`` (Objects/typeobject.c), ``PyTupleObject``;
3.14 and 3.15.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import HEAP_TYPE
from inspector.cpython.subclasses import MAX_BASES, read_subclasses
from inspector.cpython.words import decode_unsigned, word_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["TypeStructure", "find_python_dealloc", "flag_names", "read_structure"]

FLAGS: Final = {
    1: "STATIC_BUILTIN",
    3: "INLINE_VALUES",
    4: "MANAGED_DICT",
    5: "SEQUENCE",
    6: "MAPPING",
    7: "DISALLOW_INSTANTIATION",
    8: "IMMUTABLETYPE",
    9: "HEAPTYPE",
    10: "BASETYPE",
    11: "HAVE_VECTORCALL",
    12: "READY",
    14: "HAVE_GC",
    17: "METHOD_DESCRIPTOR",
    20: "IS_ABSTRACT",
    22: "MATCH_SELF",
    23: "ITEMS_AT_END",
    24: "LONG_SUBCLASS",
    25: "LIST_SUBCLASS",
    26: "TUPLE_SUBCLASS",
    27: "BYTES_SUBCLASS",
    28: "UNICODE_SUBCLASS",
    29: "DICT_SUBCLASS",
    30: "BASE_EXC_SUBCLASS",
    31: "TYPE_SUBCLASS",
}
"""``Py_TPFLAGS_*`` by bit; bits of no use to users are left out."""


class TypeStructure(NamedTuple):
    """The fields of one type."""

    basicsize: int
    """Bytes of an instance, without items."""
    flags: int
    mro: list[int]
    """Addresses, from the type itself to ``object``."""
    subclasses: list[int]
    dealloc_owner: int
    """The nearest base, or the type itself, with another ``tp_dealloc`` than classes have; 0 if
    unknown."""
    dealloc_is_static: bool
    """That base is a static type; then ``subtype_dealloc`` drops the reference to the type."""


def flag_names(flags: int) -> list[str]:
    """Return the names of ``Py_TPFLAGS_*`` that are set."""
    return [name for bit, name in FLAGS.items() if flags >> bit & 1]


def find_python_dealloc(memory: Memory, layout: Layout, types: Sequence[int]) -> int:
    """Return the address of ``subtype_dealloc``, which frees instances of Python classes.

    The function has no exported symbol: it is the most frequent ``tp_dealloc`` of the types.
    """
    at = layout.type_field("tp_dealloc")
    pieces = memory.read_many([(address + at, 8) for address in types])
    functions = Counter(word_at(piece, 0) for piece in pieces if piece is not None)
    return functions.most_common(1)[0][0] if functions else 0


def read_structure(
    memory: Memory, layout: Layout, interpreter: int, address: int, subtype_dealloc: int
) -> TypeStructure:
    """Read one type; raise :class:`MemoryFault` if it was freed."""
    published = layout.published
    words = memory.read(address, published["type_object.size"])
    flags_at = published["type_object.tp_flags"]
    tuple_at = word_at(words, layout.type_field("tp_mro"))
    mro: list[int] = []
    if tuple_at:
        size = word_at(memory.read(tuple_at + published["tuple_object.ob_size"], 8), 0)
        items = memory.read(tuple_at + published["tuple_object.ob_item"], 8 * min(size, MAX_BASES))
        mro = decode_unsigned(items)
    owner, static = 0, False
    at = layout.type_field("tp_dealloc")
    base = address
    for _ in range(MAX_BASES):
        if word_at(memory.read(base + at, 8), 0) != subtype_dealloc:
            owner = base
            static = not word_at(memory.read(base + flags_at, 8), 0) & HEAP_TYPE
            break
        base = word_at(memory.read(base + layout.type_field("tp_base"), 8), 0)
        if not base:
            break
    return TypeStructure(
        word_at(words, layout.type_field("tp_basicsize")),
        word_at(words, flags_at),
        mro,
        read_subclasses(memory, layout, interpreter, address),
        owner,
        static,
    )
