"""Who can be seen to hold references to types: instances that live, containers, classes."""

from __future__ import annotations

import gc
from itertools import compress, filterfalse
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from inspector.checks.subjects import TypeRef

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
    members: list[list[object]] = [[] for _ in refs]
    tracked = gc.get_objects()
    for one in _of_types(tracked, wanted):
        members[wanted[id(type(one))]].append(one)
    instances = list(map(len, members))
    references = list(map(_silent, types, members))
    # Nearly everything that is referred to is neither of these, nor of their types.
    kinds = {*wanted, *(id(type(each)) for each in types), id(tuple), id(dict)}
    seen: set[int] = set()
    todo: list[object] = tracked
    while todo:
        # All at once: on a free-threaded build every call stops the world.
        found = list(_of_types(gc.get_referents(*todo), kinds))
        for one in compress(found, map(wanted.__contains__, map(id, found))):
            references[wanted[id(one)]] += 1
        # What is untracked can be in no cycle: tuples and dictionaries of such, and instances.
        new = {id(one): one for one in filterfalse(gc.is_tracked, found) if id(one) not in seen}
        seen.update(new)
        todo = []
        for one in new.values():
            number = wanted.get(id(type(one)), -1)
            if number >= 0:
                instances[number] += 1
                references[number] += 1
            elif isinstance(one, (tuple, dict)):
                todo.append(one)
    return [Held(*pair) for pair in zip(instances, references, strict=True)]


def _silent(subject: type | None, instances: list[object]) -> int:
    """Return how many of these tracked instances hold their type without telling.

    A ``tp_traverse`` that does not visit the type holds a reference all the same.
    """
    return len(instances) - sum(each is subject for each in gc.get_referents(*instances))


def _of_types(objects: list[object], types: Container[int]) -> Iterable[object]:
    """Return the objects whose type's address is among ``types``."""
    return compress(objects, map(types.__contains__, map(id, map(type, objects))))
