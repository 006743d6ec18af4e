"""All types of this process, which of them CPython counts, and weak references to some.

Nothing here runs code of a metaclass.
"""

from __future__ import annotations

import weakref
from operator import call
from typing import TYPE_CHECKING, NamedTuple, cast

from inspector.checks.structure import flags_of, is_immortal
from inspector.cpython.layout import HEAP_TYPE
from inspector.errors import NotAType, NotCounted
from inspector.reader.contributions import find_slots
from inspector.snapshots.own_types import is_type, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "TypeRef",
    "TypeSlots",
    "WatchedTypes",
    "find_all_types",
    "is_counted",
    "is_heap",
    "is_own",
    "is_type",
    "name_of",
    "require_counted_types",
    "watch_counted_type",
    "watch_types",
]

TypeRef = weakref.ReferenceType[type]


def is_heap(subject: type) -> bool:
    """Whether a type is a heap type, as class statements and ``PyType_FromSpec`` make them."""
    return bool(flags_of(subject) & HEAP_TYPE)


def is_counted(subject: type) -> bool:
    """Whether CPython counts the references to a type: to mortal heap types only."""
    return is_heap(subject) and not is_immortal(subject)


def is_own(subject: type) -> bool:
    """Whether a type is inspector's own: every reading changes its count."""
    return name_of(subject).startswith("inspector.")


def find_all_types() -> list[type]:
    """Return every type, each once."""
    return _drop_repeated(_walk_types())


def _walk_types() -> list[type]:
    """Return every type, found from ``object`` down, once for each of its bases."""
    found: list[type] = [object]
    subclasses: Callable[[type], list[type]] = type.__subclasses__
    for subject in found:
        # Most types have no subclasses: to extend by nothing costs more than to ask.
        if new := subclasses(subject):
            found.extend(new)
    return found


def _drop_repeated(types: Iterable[type]) -> list[type]:
    """Keep each type once, told by identity: a metaclass may define what equality means."""
    return list({id(subject): subject for subject in types}.values())


class TypeSlots(NamedTuple):
    """The slots of some types in the threads' arrays."""

    table: bytes
    """The pool's table from which they were read."""
    by_position: list[int]
    """Slot of each type; -1 for a type without a unique id."""
    positions: dict[int, int]
    """Slot -> position of its type."""


class WatchedTypes(list[TypeRef]):
    """Weak references to types that are read again and again, each type once.

    A weak reference tells a type that died from another one at the same address.
    """

    steps = 0
    """Length of the walk that found these types, if they are all types; else 0."""
    complete_table = b""
    """The pool's table when these were all types; empty where that is not known."""
    slots = TypeSlots(b"", [], {})

    def alive(self) -> list[type | None]:
        """Return the types by position; None for a type that died."""
        return list(map(call, self))

    def find_slots(self, table: bytes, types: Sequence[type | None]) -> TypeSlots:
        """Return the slots of the types; search again only if the table has changed."""
        if table != self.slots.table:
            slots = find_slots(table, [id(subject) for subject in types])
            positions: dict[int, int] = {}
            for position, slot in enumerate(slots):
                if slot >= 0:
                    positions[slot] = position
            self.slots = TypeSlots(table, slots, positions)
        return self.slots

    def is_complete(self) -> bool:
        """Whether these are all types of the process, and all of them live."""
        for ref in self:
            if ref() is None:
                return False
        return len(_walk_types()) == self.steps

    def count_new(self, table: bytes) -> int:
        """Return how many types the process has beside these; ``table`` is the pool's table now."""
        # An unchanged table misses a new class without a unique id. The growth of its
        # metaclass shows that one; a walk over thousands of types costs a millisecond.
        if (table and table == self.complete_table) or self.is_complete():
            return 0
        alive = 0
        for ref in self:
            alive += ref() is not None
        return len(find_all_types()) - alive


def watch_types(subjects: Iterable[type] | None = None) -> WatchedTypes:
    """Return weak references to ``subjects``, by default to all types."""
    found = _walk_types() if subjects is None else list(subjects)
    watched = WatchedTypes(map(weakref.ref, _drop_repeated(found)))
    if subjects is None:
        watched.steps = len(found)
    return watched


def watch_counted_type(subject: type) -> WatchedTypes:
    """Return a weak reference to one type.

    Raises :class:`NotAType`, and :class:`NotCounted` for a static or immortal type.
    """
    if not is_type(subject):
        raise NotAType(
            f"{name_of(type(subject))} object is not a type",
            subject=subject,
            hint="true counts exist for types; sys.getrefcount is right for other objects",
        )
    if not is_counted(subject):
        raise NotCounted(name_of(subject), subject=subject)
    return watch_types((subject,))


def require_counted_types(types: type | Iterable[type]) -> tuple[type, ...]:
    """Return one type or several as a tuple.

    Raises :class:`ValueError` for no type at all, and what :func:`watch_counted_type` raises.
    """
    found = (types,) if is_type(types) else tuple(cast("Iterable[type]", types))
    if not found:
        raise ValueError("no type was given")
    for subject in found:
        watch_counted_type(subject)
    return found
