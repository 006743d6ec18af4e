"""Who can be seen to hold references to types: instances that live, containers, classes."""

from __future__ import annotations

import gc
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from inspector.checks.counts import TypeRef

__all__ = ["Held", "held"]


class Held(NamedTuple):
    """What the collector can see of one type."""

    instances: int
    """Instances that it tracks, or that something it tracks refers to."""
    references: int
    """References that these instances and everything else visible hold."""


def held(refs: Sequence[TypeRef]) -> list[Held]:
    """Return, per type, its visible instances and references; zeros for one that is gone.

    Instances that only C code or a thread's stack refers to are not visible, unless
    the collector tracks them.
    """
    types = [ref() for ref in refs]
    wanted = {id(each): number for number, each in enumerate(types) if each is not None}
    instances = [0] * len(refs)
    references = [0] * len(refs)
    tracked = gc.get_objects()
    for one in _of_types(tracked, wanted):
        number = wanted[id(type(one))]
        instances[number] += 1
        # A tp_traverse that does not visit the type holds a reference all the same.
        references[number] += not any(each is types[number] for each in gc.get_referents(one))
    seen: set[int] = set()
    todo: list[object] = tracked
    # What is untracked can be in no cycle: tuples and dictionaries of such, and instances.
    inside = {*wanted, id(tuple), id(dict)}
    while todo:
        # All at once: on a free-threaded build every call stops the world.
        found = gc.get_referents(*todo)
        for one in compress(found, map(wanted.__contains__, map(id, found))):
            references[wanted[id(one)]] += 1
        todo = []
        for one in _of_types(found, inside):
            if id(one) in seen or gc.is_tracked(one):
                continue
            seen.add(id(one))
            number = wanted.get(id(type(one)), -1)
            if number < 0:
                todo.append(one)
            else:
                instances[number] += 1
                references[number] += 1
    return [Held(*pair) for pair in zip(instances, references, strict=True)]


def _of_types(objects: list[object], types: Container[int]) -> Iterable[object]:
    """Return the objects whose type's address is among ``types``."""
    return compress(objects, map(types.__contains__, map(id, map(type, objects))))
