"""Finds all types of an interpreter, from ``object`` on through subclasses.

The pool lists only objects with a unique id.  A class that was made through its metatype's
``tp_alloc`` (pybind11 does that), or that a finalizer resurrected, has none.  But every type is
among the subclasses of its bases.

Sources: ``tp_subclasses`` is a dictionary {address: weak reference} in a heap
type, and an index plus one in a static type that the interpreter manages, whose
dictionary stands in ``PyInterpreterState.types`` (Objects/typeobject.c,
``lookup_tp_subclasses``; ``managed_static_type_state`` in
Include/internal/pycore_interp_structs.h: {type, isbuiltin, readying, ready,
tp_dict, tp_subclasses, tp_weaklist}; 3.14 and 3.15).
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import DICT_SUBCLASS, HEAP_TYPE, TYPE_SUBCLASS
from inspector.cpython.text import read_dicts
from inspector.cpython.words import decode_unsigned, read_words, word_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["MAX_BASES", "read_subclasses", "walk_types"]

TP_DICT: Final = 3
"""Words of ``managed_static_type_state`` before ``tp_dict``; ``tp_subclasses`` is next."""

MAX_INDEX: Final = 512
"""There are about 200 managed static types; no dictionary has so low an address."""

MAX_BASES: Final = 1 << 10
"""More than any type has; ends a cycle of bases."""

WR_OBJECT: Final = 32
"""``offsetof(PyWeakReference, wr_object)`` (Include/cpython/weakrefobject.h)."""

MAX_TYPES: Final = 1 << 20

KEPT_SINCE: Final = (3, 15)
"""Since this version a resurrected class is still a subclass of its bases."""


class State(NamedTuple):
    """What may be the ``managed_static_type_state`` of a type."""

    address: int
    tp_dict: int
    tp_subclasses: int


"""Three words of what may be a ``managed_static_type_state``: type, dictionary, subclasses."""


def _find_object_type(memory: Memory, layout: Layout, some_type: int) -> int:
    """Return the address of ``object``: the last base of any type."""
    at = layout.type_field("tp_base")
    address = some_type
    for _ in range(MAX_BASES):
        base = word_at(memory.read(address + at, 8), 0)
        if not base:
            break
        address = base
    return address


def walk_types(
    memory: Memory, layout: Layout, interpreter: int, some_type: int, namespaces: Sequence[int]
) -> dict[int, bool]:
    """Return every type's address, and whether it is a heap type.

    ``some_type`` is any type of the interpreter; raises :class:`MemoryFault` if it was freed.
    ``namespaces`` are module dictionaries: before 3.15 the collector clears weak references
    to a class before a finalizer resurrects it, and then only the names that hold the class
    lead to it.  Types that are created or freed meanwhile may be missing or listed.
    """
    states = _find_managed_states(memory, layout, interpreter)
    known: dict[int, bool] = {}
    named: list[int] = []
    if layout.published.minor < KEPT_SINCE:
        named = _select_types(memory, layout, set(_read_dict_values(memory, layout, namespaces)))
    level = [_find_object_type(memory, layout, some_type), *named]
    while level and len(known) < MAX_TYPES:
        found: set[int] = _read_level(memory, layout, states, level, known)
        level = _select_types(memory, layout, found.difference(known))
    return known


def read_subclasses(memory: Memory, layout: Layout, interpreter: int, address: int) -> list[int]:
    """Return the addresses of one type's immediate subclasses."""
    states = _find_managed_states(memory, layout, interpreter)
    return sorted(_select_types(memory, layout, _read_level(memory, layout, states, [address], {})))


def _read_level(
    memory: Memory, layout: Layout, states: list[State], level: list[int], known: dict[int, bool]
) -> set[int]:
    """Return the objects in ``tp_subclasses`` of types; add the types to ``known``."""
    subclasses_at = layout.type_field("tp_subclasses")
    flags_at = layout.published["type_object.tp_flags"]
    start = min(subclasses_at, flags_at)
    size = max(subclasses_at, flags_at) + 8 - start
    pieces = memory.read_many([(address + start, size) for address in level])
    dicts: list[int] = []
    managed: list[int] = []
    for address, piece in zip(level, pieces, strict=True):
        if piece is None:
            continue
        known[address] = heap = bool(word_at(piece, flags_at - start) & HEAP_TYPE)
        subclasses = word_at(piece, subclasses_at - start)
        if subclasses > MAX_INDEX:
            dicts.append(subclasses)
        elif subclasses and not heap:
            managed.append(address)
    dicts += _find_managed_subclasses(memory, layout, states, managed)
    references = list(_read_dict_values(memory, layout, dicts))
    return set(read_words(memory, [reference + WR_OBJECT for reference in references]))


def _find_managed_states(memory: Memory, layout: Layout, interpreter: int) -> list[State]:
    """Return all words of an interpreter that may be a ``managed_static_type_state``."""
    words = decode_unsigned(
        memory.read(interpreter, layout.published["interpreter_state.size"] // 8 * 8)
    )
    last = range(len(words) - TP_DICT - 1)
    states = []
    for place in compress(last, words):  # nearly all words are 0
        state = State(words[place], words[place + TP_DICT], words[place + TP_DICT + 1])
        if state.tp_dict and state.tp_subclasses:
            states.append(state)
    return states


def _find_managed_subclasses(
    memory: Memory, layout: Layout, states: list[State], types: list[int]
) -> list[int]:
    """Return the dictionaries of subclasses of static types that the interpreter manages.

    The state of such a type begins with its address, and has its dictionary and
    that of its subclasses at the right places.
    """
    wanted = set(types)
    found = [state for state in states if state.address in wanted]
    candidates: set[int] = set()
    for state in found:
        candidates.update((state.tp_dict, state.tp_subclasses))
    dicts = _select_by_flag(memory, layout, candidates, DICT_SUBCLASS)
    subclasses = []
    for state in found:
        if state.tp_dict in dicts and state.tp_subclasses in dicts:
            subclasses.append(state.tp_subclasses)
    return subclasses


def _read_dict_values(memory: Memory, layout: Layout, dicts: Sequence[int]) -> Iterator[int]:
    """Return the addresses of all values in dictionaries."""
    for _, words, width in read_dicts(memory, layout.published, dicts):
        for value in words[width - 1 :: width]:
            if value:
                yield value


def _select_types(memory: Memory, layout: Layout, objects: set[int]) -> list[int]:
    """Return the objects that are types."""
    return list(_select_by_flag(memory, layout, objects, TYPE_SUBCLASS))


def _select_by_flag(memory: Memory, layout: Layout, objects: set[int], flag: int) -> set[int]:
    """Return the objects whose type has a flag that all its instances share."""
    published = layout.published
    # Sorted, so that neighbours are read together.
    order = sorted([address for address in objects if address % 8 == 0])
    types = read_words(memory, [address + published["pyobject.ob_type"] for address in order])
    distinct = list(set(types))
    flags = read_words(memory, [kind + published["type_object.tp_flags"] for kind in distinct])
    flags_of = dict(zip(distinct, flags, strict=True))
    selected: set[int] = set()
    for address, kind in zip(order, types, strict=True):
        if flags_of[kind] & flag:
            selected.add(address)
    return selected
