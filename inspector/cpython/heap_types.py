"""Tells whether words are addresses of types, and reads what is attached to instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.deques import DEQUE_NAME, DEQUE_SIZE
from inspector.cpython.layout import DICT_SUBCLASS, HEAP_TYPE, TYPE_SUBCLASS
from inspector.cpython.text import read_c_strings
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from inspector.cpython.layout import Layout
    from inspector.cpython.names import Named
    from inspector.process.protocols import Memory

__all__ = ["LIST_SUBCLASS", "Attached", "TypeFacts", "find_attached", "read_types"]

LIST_SUBCLASS: Final = 1 << 25
"""``Py_TPFLAGS_LIST_SUBCLASS`` (Include/object.h)."""

OTHER_BUILTINS: Final = 0xFD << 24 & ~DICT_SUBCLASS
"""``Py_TPFLAGS_LONG_SUBCLASS``, and those of tuples, bytes, strings, exceptions and types."""

OB_BYTES: Final = 16
"""``PyByteArrayObject.ob_bytes``, behind ``ob_size`` and ``ob_alloc``."""

MOST_BASES: Final = 64
"""Steps from a class to a built-in type; more are left alone."""

LONGEST_NAME: Final = 32

MOST_TYPES: Final = 1 << 17
"""Most different words that are tested: raw memory may contain any number."""

LOWEST, HIGHEST = 1 << 16, 1 << 56


class TypeFacts(NamedTuple):
    """The memory of a type."""

    address: int
    flags: int
    words: bytes
    """The bytes of its structure; of a heap type up to its unique id."""

    @property
    def heap(self) -> bool:
        """Whether it is a heap type."""
        return bool(self.flags & HEAP_TYPE)

    @property
    def named(self) -> Named:
        """Return what :class:`~inspector.cpython.names.Names` takes to name it."""
        return ("type" if self.heap else "static", self.address, self.words)


def read_types(memory: Memory, layout: Layout, words: Collection[int]) -> dict[int, TypeFacts]:
    """Return the words that are addresses of types, each with the memory of the type.

    An object is a type if its own type has the flag ``Py_TPFLAGS_TYPE_SUBCLASS``.
    """
    size = layout.published["type_object.size"]
    flags_at = layout.published["type_object.tp_flags"]
    type_at = layout.published["pyobject.ob_type"]
    order = _select_addresses(words)[:MOST_TYPES]
    shapes: dict[int, bytes] = {}
    for address, piece in zip(
        order, memory.read_many([(address, size) for address in order]), strict=True
    ):
        if piece is not None:
            shapes[address] = piece
    metatypes = _select_addresses({word_at(piece, type_at) for piece in shapes.values()})
    flags = memory.read_many([(address + flags_at, 8) for address in metatypes])
    known: set[int] = set()
    for address, piece in zip(metatypes, flags, strict=True):
        if piece is not None and word_at(piece, 0) & TYPE_SUBCLASS:
            known.add(address)
    found: dict[int, TypeFacts] = {}
    for address, piece in shapes.items():
        if word_at(piece, type_at) in known:
            found[address] = TypeFacts(address, word_at(piece, flags_at), piece)
    heap = [facts for facts in found.values() if facts.heap]
    longer = memory.read_many([(facts.address, layout.type_unique_id) for facts in heap])
    for facts, piece in zip(heap, longer, strict=True):
        # Raw memory may look like the beginning of a heap type.
        if piece is None:
            del found[facts.address]
        else:
            found[facts.address] = facts._replace(words=piece)
    return found


def _select_addresses(words: Iterable[int]) -> list[int]:
    """Return the words that can be addresses of objects, in order."""
    selected = []
    for word in words:
        if not word % 8 and LOWEST <= word < HIGHEST:
            selected.append(word)
    return sorted(selected)


class Attached(NamedTuple):
    """Where an instance has the address of its raw memory."""

    at: int
    """Offset from its header."""
    instead: int | None = None
    """Offset of the address of what it has instead, unless that is NULL."""
    is_deque: bool = False
    """It is what :mod:`inspector.cpython.deques` knows: from ``at`` on."""


def find_attached(
    memory: Memory, layout: Layout, found: Mapping[int, TypeFacts]
) -> dict[int, Attached]:
    """Return the types whose instances are known to have raw memory.

    Raw memory is the array of a list; the keys of a dictionary, which it shares with others if
    it has ``ma_values``; the table of a set, unless it is small; the buffer of a ``bytearray``
    (Include/cpython/bytearrayobject.h; from 3.15 on that is an object by itself);
    the blocks of a deque.
    """
    published = layout.published
    kinds = {
        b"set": Attached(published["set_object.table"]),
        b"frozenset": Attached(published["set_object.table"]),
        b"bytearray": Attached(published["pyobject.size"] + OB_BYTES),
        DEQUE_NAME: Attached(published["pyobject.size"], is_deque=True),
    }
    attached: dict[int, Attached] = {}
    others: dict[int, TypeFacts] = {}
    for address, facts in found.items():
        if facts.flags & LIST_SUBCLASS:
            attached[address] = Attached(published["list_object.ob_item"])
        elif facts.flags & DICT_SUBCLASS:
            keys, values = published["dict_object.ma_keys"], published["dict_object.ma_values"]
            attached[address] = Attached(keys, values)
        elif not facts.flags & OTHER_BUILTINS:
            others[address] = facts
    for address, name in _read_built_in_names(memory, layout, others).items():
        if name in kinds:
            attached[address] = kinds[name]
    return attached


def _read_built_in_names(
    memory: Memory, layout: Layout, found: Mapping[int, TypeFacts]
) -> dict[int, bytes]:
    """Return the ``tp_name`` of each type that is static, or of its first base that is.

    Of what may be a deque, which is a heap type, it is that of the last base before that one.
    """
    base_at = layout.type_field("tp_base")
    known = dict(found)
    reached = {address: address for address in found}
    before: dict[int, int] = {}
    deque_size = layout.published["pyobject.size"] + DEQUE_SIZE
    size_at = layout.type_field("tp_basicsize")
    for _ in range(MOST_BASES):
        steps: dict[int, int] = {}
        for address, at in reached.items():
            if at in known and known[at].heap:
                steps[address] = word_at(known[at].words, base_at)
        if not steps:
            break
        before |= {address: reached[address] for address in steps}
        reached |= steps
        known |= read_types(memory, layout, set(steps.values()) - known.keys())
    name_at = layout.published["type_object.tp_name"]
    names = {
        address: word_at(known[at].words, name_at)
        for address, at in reached.items()
        if at in known and not known[at].heap
    }
    for address, at in before.items():
        if at in known and word_at(known[at].words, size_at) == deque_size:
            names[address] = word_at(known[at].words, name_at)
    order = sorted(set(names.values()))
    texts = dict(zip(order, read_c_strings(memory, order, LONGEST_NAME), strict=True))
    return {address: texts[name] or b"" for address, name in names.items()}
