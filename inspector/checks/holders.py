"""The references to types that live objects hold, as far as the collector sees them."""

from __future__ import annotations

import gc
from itertools import compress, filterfalse
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.checks.structure import is_visited
from inspector.checks.watched_types import is_heap

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from inspector.checks.watched_types import TypeRef

__all__ = ["Holders", "count_own_references", "find_holders"]


SUSPENDED: Final = frozenset(
    (id(GeneratorType), id(CoroutineType), id(AsyncGeneratorType), id(FrameType))
)
"""Addresses of the types whose objects hold frames that no thread runs."""


class Holders(NamedTuple):
    """What the collector sees of one type."""

    instances: int
    """Live instances that it tracks, or that something it tracks refers to."""
    references: int
    """Visible references, those in suspended frames left out."""
    silent: int = 0
    """Further references, if instances hold any that the collector does not see: one each."""
    suspended: int = 0
    """References in suspended frames, each of which is counted or not."""
    frozen: int = 0
    """Objects of any type that ``gc.freeze`` hides; their references are not visible."""


def find_holders(refs: Sequence[TypeRef]) -> list[Holders]:
    """Return, per heap type, its visible instances and references; none for others.

    Instances that only C code or a thread's stack refers to are not visible, unless
    the collector tracks them.

    A ``tp_traverse`` written in C that does not visit the type holds a reference to it all
    the same.  Whether it visits it cannot be told from what it visits, since an instance may
    name its class in an attribute: such instances count once more, in doubt.  A suspended
    frame holds what it took from a counted place, and what CPython counts nowhere.
    """
    types = [ref() for ref in refs]
    # Objects are kept in lists, which are of no heap type: this must not count what it holds.
    wanted = _number_heap_types(types)
    instances = [0] * len(types)
    references = [0] * len(types)
    suspended = [0] * len(types)

    def add(one: object) -> None:
        instances[wanted[id(type(one))]] += 1

    frozen = gc.get_freeze_count()
    tracked = gc.get_objects()
    for one in _of_types(tracked, wanted):
        add(one)
    # Nearly all referents are of other types: chains of C functions drop them in a quarter
    # less time than a loop.
    kinds = {*wanted, id(tuple), id(dict)}
    kinds.update(id(type(subject)) for subject in types)
    seen: set[int] = set()
    frames = list(_of_types(tracked, SUSPENDED))
    for one in _among(gc.get_referents(*frames), wanted):
        suspended[wanted[id(one)]] += 1
    todo: list[object] = tracked
    while todo:
        # One call for all: on a free-threaded build every call stops the world.
        found = list(_of_types(gc.get_referents(*todo), kinds))
        for one in _among(found, wanted):
            references[wanted[id(one)]] += 1
        # The collector does not track objects that can be in no cycle: instances, tuples and
        # dictionaries among them may hold references all the same.
        new = {id(one): one for one in filterfalse(gc.is_tracked, found) if id(one) not in seen}
        seen.update(new)
        todo = []
        for one in new.values():
            if id(type(one)) in wanted:
                add(one)
                todo.append(one)
            elif type(one) is tuple or type(one) is dict:
                todo.append(one)
    everything = []
    for number, subject in enumerate(types):
        alive, in_frames = instances[number], suspended[number]
        silent = alive if subject is not None and not is_visited(subject) else 0
        everything.append(Holders(alive, references[number] - in_frames, silent, in_frames, frozen))
    return everything


def count_own_references(subject: type) -> int:
    """Count the references to a class in what it is made of: its methods, its lists of bases."""
    # Members of an enumeration are instances, in the same dictionary.
    parts: list[object] = [subject, subject.__mro__]
    for value in vars(subject).values():
        if type(value) is not subject:
            parts.append(value)
    count = 0
    for referent in gc.get_referents(*parts):
        count += referent is subject
    return count


def _number_heap_types(types: list[type | None]) -> dict[int, int]:
    """Return address -> position of the heap types."""
    numbers: dict[int, int] = {}
    for number, subject in enumerate(types):
        if subject is not None and is_heap(subject):
            numbers[id(subject)] = number
    return numbers


def _among(objects: list[object], wanted: Container[int]) -> Iterable[object]:
    """Return the objects whose own address is among ``wanted``."""
    return compress(objects, map(wanted.__contains__, map(id, objects)))


def _of_types(objects: list[object], types: Container[int]) -> Iterable[object]:
    """Return the objects whose type's address is among ``types``."""
    return compress(objects, map(types.__contains__, map(id, map(type, objects))))
