"""The types that are looked at: all that there are, and those that are counted.

Nothing here runs code of a metaclass.
"""

from __future__ import annotations

import weakref
from itertools import repeat
from operator import call, is_
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
    """Whether this is a heap type, as class statements and ``PyType_FromSpec`` make them."""
    return bool(flags_of(subject) & HEAP_TYPE)


def is_counted(subject: type) -> bool:
    """Whether CPython counts the references that instances hold: mortal heap types only."""
    return is_heap(subject) and not is_immortal(subject)


def is_own(subject: type) -> bool:
    """Whether this is a type of inspector itself, which every reading moves."""
    return name_of(subject).startswith("inspector.")


def find_all_types() -> list[type]:
    """Return every type, each once."""
    return _drop_repeated(_walk_types())


def _walk_types() -> list[type]:
    """Return every type, found from ``object`` down, as often as it has bases."""
    found: list[type] = [object]
    subclasses: Callable[[type], list[type]] = type.__subclasses__
    for each in found:
        # Most have none: asking first is faster than adding nothing.
        if new := subclasses(each):
            found.extend(new)
    return found


def _drop_repeated(types: Iterable[type]) -> list[type]:
    """Drop repetitions by identity: a metaclass may define what equality means."""
    return list({id(each): each for each in types}.values())


class TypeSlots(NamedTuple):
    """Where the contributions to some types stand."""

    table: bytes
    """The pool's table that this is true for."""
    of: list[int]
    """Slot of each type in the threads' arrays; -1 for one without a unique id."""
    numbers: dict[int, int]
    """Slot -> position of its type."""


class WatchedTypes(list[TypeRef]):
    """Weak references to types that are read again and again, each type once.

    A type that dies stays recognisable: another one at its address is not it.
    """

    steps = 0
    """Steps of the walk that found these, if these are all types; else 0."""
    whole = b""
    """The pool's table when these were all types; empty where that is not known."""
    places = TypeSlots(b"", [], {})

    def alive(self) -> list[type | None]:
        """Return the types, with None for those that are gone."""
        return list(map(call, self))

    def locate(self, table: bytes, types: Sequence[type | None]) -> TypeSlots:
        """Return the places of the types, found anew only in a table that has changed."""
        known = self.places
        if table != known.table:
            of = find_slots(table, list(map(id, types)))
            numbers = {place: number for number, place in enumerate(of) if place >= 0}
            known = self.places = TypeSlots(table, of, numbers)
        return known

    def complete(self) -> bool:
        """Whether these are exactly the types that there are."""
        gone = any(map(is_, self.alive(), repeat(None)))
        return not gone and len(_walk_types()) == self.steps

    def born(self, table: bytes) -> int:
        """Return how many types there are beside these, now that this is the pool's table."""
        # A class without a unique id may have come all the same: the growth of its
        # metaclass shows that, and a walk over thousands of types costs a millisecond.
        if (table and table == self.whole) or self.complete():
            return 0
        return len(find_all_types()) - sum(ref() is not None for ref in self)


def watch_types(subjects: Iterable[type] | None = None) -> WatchedTypes:
    """Return weak references to types, by default to all of them."""
    found = _walk_types() if subjects is None else list(subjects)
    watched = WatchedTypes(map(weakref.ref, _drop_repeated(found)))
    if subjects is None:
        watched.steps = len(found)
    return watched


def watch_counted_type(subject: type) -> WatchedTypes:
    """Return the type to watch alone.

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
    """Return one type or several as a tuple; raise as :func:`watch_counted_type`."""
    found = (types,) if is_type(types) else tuple(cast("Iterable[type]", types))
    if not found:
        raise ValueError("no type was given")
    for each in found:
        watch_counted_type(each)
    return found
