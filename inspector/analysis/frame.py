"""What is kept of one reading: totals and headers, eight bytes each; pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["UNKNOWN", "Frame", "contributions_of", "frame_of"]

UNKNOWN: Final = -(1 << 63)
"""Stands for None in an array; no count gets there."""


class Frame(NamedTuple):
    """What is kept of one reading."""

    taken_ns: int
    keys: list[ObjectKey]
    places: Mapping[ObjectKey, int]
    """ObjectKey -> place in the arrays; one mapping for all readings of the same objects."""
    counted: array[int]
    deferred: array[int] | None
    """None where no stack was read."""
    shared: array[int]
    contributed: array[int]
    """The sum of all threads' contributions."""
    collections: int | None
    born: int
    """Objects that were not there in the reading before."""
    died: int

    def total(self, key: ObjectKey, *, stacks: bool) -> int | None:
        """Return a total, with or without the references on stacks."""
        place = self.places.get(key)
        if place is None or self.counted[place] == UNKNOWN:
            return None
        if not stacks or self.deferred is None:
            return self.counted[place]
        deferred = self.deferred[place]
        return None if deferred == UNKNOWN else self.counted[place] + deferred


def contributions_of(snapshot: Snapshot) -> list[Mapping[int, int] | None]:
    """Return what threads contribute to each object; None where it could not be told.

    Of an object whose contributions did not move it is the value of the reading before.
    """
    pairs = zip(snapshot.column("contributions"), snapshot.column("counted"), strict=True)
    return [None if counted is None else contributions for contributions, counted in pairs]


def frame_of(snapshot: Snapshot, before: Frame | None) -> Frame:
    """Return what is kept of a snapshot that came after another one."""
    columns = (snapshot.column(name) for name in ("interpreter", "address", "name"))
    keys = list(zip(*columns, strict=True))
    born = died = 0
    if before is not None and keys == before.keys:
        keys, places = before.keys, before.places
    else:
        places = dict(zip(keys, range(len(keys)), strict=True))
        if before is not None:
            born = len(places.keys() - before.places.keys())
            died = len(before.places.keys() - places.keys())
    # One that is None adds up to None: unknown is not "none at all".
    counts = [each.collections for each in snapshot.interpreters]
    deferred = snapshot.column("deferred")
    contributed = [
        UNKNOWN if each is None else sum(each.values()) if each else 0
        for each in contributions_of(snapshot)
    ]
    return Frame(
        snapshot.taken_ns,
        keys,
        places,
        _pack(snapshot.column("counted")),
        _pack(deferred) if any(each is not None for each in deferred) else None,
        _pack(snapshot.column("shared")),
        array("q", contributed),
        None if None in counts else sum(filter(None, counts)),
        born,
        died,
    )


def _pack(values: Iterable[int | None]) -> array[int]:
    return array("q", [UNKNOWN if value is None else value for value in values])
