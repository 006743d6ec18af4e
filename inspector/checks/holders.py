"""Who can be seen to hold references to types: instances that live, containers, classes."""

from __future__ import annotations

import gc
from itertools import compress, filterfalse
from typing import TYPE_CHECKING, NamedTuple

from inspector.checks.structure import is_visited
from inspector.checks.watched_types import is_heap

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from inspector.checks.watched_types import TypeRef

__all__ = ["Holders", "find_holders"]


class Holders(NamedTuple):
    """What the collector can see of one type."""

    instances: int
    """Instances that it tracks, or that something it tracks refers to."""
    references: int
    """References that these instances and everything else visible hold; never less."""


def find_holders(refs: Sequence[TypeRef]) -> list[Holders]:
    """Return, per heap type, its visible instances and references; zeros for others.

    Instances that only C code or a thread's stack refers to are not visible, unless
    the collector tracks them.

    A ``tp_traverse`` written in C that does not visit the type holds a reference to it all
    the same.  Whether it visits it cannot be told from what it visits, since an instance may
    name its class in an attribute: such instances count once more, in doubt.
    """
    types = [ref() for ref in refs]
    # Lists are of no heap type: what is found here must not hold itself.
    wanted = {
        id(each): number for number, each in enumerate(types) if each is not None and is_heap(each)
    }
    instances = [0] * len(types)
    references = [0] * len(types)
    silent: dict[int, int] = {}

    def add(one: object) -> None:
        """Count one instance, with what it holds and the collector may not see."""
        number = wanted[id(type(one))]
        if number not in silent:
            silent[number] = 0 if is_visited(type(one)) else 1
        instances[number] += 1
        references[number] += silent[number]

    tracked = gc.get_objects()
    for one in _of_types(tracked, wanted):
        add(one)
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
            if id(type(one)) in wanted:
                add(one)
                todo.append(one)
            elif type(one) is tuple or type(one) is dict:
                todo.append(one)
    return [Holders(*pair) for pair in zip(instances, references, strict=True)]


def _of_types(objects: list[object], types: Container[int]) -> Iterable[object]:
    """Return the objects whose type's address is among ``types``."""
    return compress(objects, map(types.__contains__, map(id, map(type, objects))))
