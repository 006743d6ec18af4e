"""The counts that a history keeps of one reading, eight bytes each; pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["UNKNOWN", "ReadingTotals", "list_contributions", "summarize_reading"]

UNKNOWN: Final = -(1 << 63)
"""Stands for None in an array; no count is that small."""


class ReadingTotals(NamedTuple):
    """The counts of all objects in one reading, as arrays with one entry per object."""

    taken_ns: int
    """``time.time_ns()`` of the reading."""
    keys: list[ObjectKey]
    places: Mapping[ObjectKey, int]
    """ObjectKey -> index in the arrays; readings of the same objects share this mapping."""
    counted: array[int]
    deferred: array[int] | None
    """None where no stack was read."""
    shared: array[int]
    contributed: array[int]
    """The sum of all threads' contributions."""
    collections: int | None
    """Garbage collections of all interpreters so far; None where one of them is unknown."""
    born: int
    """Objects that the reading before did not have."""
    died: int
    """Objects that only the reading before had."""

    def total(self, key: ObjectKey, *, stacks: bool) -> int | None:
        """Return an object's total, with references on stacks if asked for and known.

        None for an object that is not in this reading, or whose total is unknown.
        """
        place = self.places.get(key)
        if place is None or self.counted[place] == UNKNOWN:
            return None
        if not stacks or self.deferred is None:
            return self.counted[place]
        deferred = self.deferred[place]
        return None if deferred == UNKNOWN else self.counted[place] + deferred


def list_contributions(snapshot: Snapshot) -> list[Mapping[int, int] | None]:
    """Return native thread id -> contribution for each object; None where it is not known.

    Two snapshots share the mapping of an object whose contributions did not change.
    """
    found = snapshot.column("contributions")
    for place, counted in enumerate(snapshot.column("counted")):
        if counted is None:
            found[place] = None
    return found


def summarize_reading(snapshot: Snapshot, before: ReadingTotals | None) -> ReadingTotals:
    """Return the counts of a snapshot; ``before`` are those of the snapshot before it."""
    interpreters, addresses = snapshot.column("interpreter"), snapshot.column("address")
    keys = list(zip(interpreters, addresses, snapshot.column("name"), strict=True))
    born = died = 0
    if before is not None and keys == before.keys:
        keys, places = before.keys, before.places
    else:
        places = {key: place for place, key in enumerate(keys)}
        if before is not None:
            born = len(places.keys() - before.places.keys())
            died = len(before.places.keys() - places.keys())
    collections: int | None = 0
    for interpreter in snapshot.interpreters:
        if collections is not None:
            known = interpreter.collections
            collections = None if known is None else collections + known
    contributed = array("q")
    for contributions in list_contributions(snapshot):
        contributed.append(UNKNOWN if contributions is None else sum(contributions.values()))
    deferred = snapshot.column("deferred")
    stacks_were_read = deferred.count(None) < len(deferred)
    return ReadingTotals(
        taken_ns=snapshot.taken_ns,
        keys=keys,
        places=places,
        counted=_pack_counts(snapshot.column("counted")),
        deferred=_pack_counts(deferred) if stacks_were_read else None,
        shared=_pack_counts(snapshot.column("shared")),
        contributed=contributed,
        collections=collections,
        born=born,
        died=died,
    )


def _pack_counts(counts: Iterable[int | None]) -> array[int]:
    return array("q", [UNKNOWN if count is None else count for count in counts])
