"""How many references there are to types at one moment.

A reading takes the headers through ``sys.getrefcount``, which is one C call per
type, and the threads' arrays from memory.  It makes two passes without a pause:
what agrees in both was so at the moment between them.  The few types that other
threads move meanwhile are read exactly, with the world stopped.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import inspector
from inspector.checks.support import require_support
from inspector.checks.watched_types import (
    WatchedTypes,
    is_counted,
    is_own,
    name_of,
    watch_counted_type,
    watch_types,
)
from inspector.cpython.refcount import BIAS
from inspector.cpython.words import find_differing
from inspector.errors import NotCounted
from inspector.process.memory import ProcessMemory
from inspector.process.own_world import OwnWorld
from inspector.reader.contributions import FEW_OBJECTS, read_slot
from inspector.reader.retries import OutdatedPlan, retry_reading
from inspector.reader.slots import ADVICE, Arrays, SlotReader, key_arrays

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inspector.checks.watched_types import TypeSlots

__all__ = [
    "Counts",
    "TypeCount",
    "collect_garbage",
    "count_references",
    "count_watched_type",
    "find_changes",
    "read_all_counts",
    "read_counts",
]

COLLECTIONS: Final = 3
"""Collections in a row, at most, until one finds nothing: finalizers leave garbage."""


class TypeCount(NamedTuple):
    """The references to one type."""

    total: int
    header: int
    """Of these, counted in the header; signed."""
    contributions: Mapping[int, int]
    """Native thread id -> signed count since the last merge; zeros are left out."""


class Counts(NamedTuple):
    """The references to many types at one moment; compared by :func:`find_changes`."""

    refs: WatchedTypes
    raw: list[int]
    """``sys.getrefcount`` of each, taken from a list; meaningless for a type that is gone."""
    places: TypeSlots
    arrays: Arrays
    exact: dict[int, TypeCount]
    """What other threads moved meanwhile and was read on its own, by position."""

    def at(self, number: int) -> TypeCount | None:
        """Return the count of one type; None when it is gone."""
        if number in self.exact:
            return self.exact[number]
        raw = self.raw[number]
        if self.refs[number]() is None:
            return None
        header = raw - _OVERHEAD - (BIAS if raw > BIAS // 2 else 0)
        found: dict[int, int] = {}
        for (_, native), array in self.arrays.items():
            if value := read_slot(array, self.places.of[number]):
                found[native] = found.get(native, 0) + value
        return TypeCount(header + sum(found.values()), header, found)

    def contributed(self) -> Iterator[tuple[int, int, int]]:
        """Yield position, native thread id and count of what stands in the arrays."""
        numbers = self.places.numbers
        for (_, native), array in self.arrays.items():
            for number in _find_moved_slots(numbers, b"", array):
                yield number, native, read_slot(array, self.places.of[number])


def collect_garbage() -> None:
    """Collect until nothing more is found, so that no garbage holds references."""
    for _ in range(COLLECTIONS):
        if not gc.collect():
            return


def read_all_counts() -> Counts:
    """Watch and read all types.

    Where there is a table of unique ids, a class without one that came after the others
    were watched is watched no sooner than another one comes.
    """
    # Nearly always they are the same as last time, and a table tells that without a walk.
    if _last_watched and _last_watched[0].whole:
        now = read_counts(_last_watched[0])
        if now.places.table == _last_watched[0].whole:
            return now
    if not _last_watched or not _last_watched[0].complete():
        _last_watched[:] = [watch_types()]
    [known] = _last_watched
    now = read_counts(known)
    known.whole = now.places.table if now.places.table and known.complete() else b""
    return now


_last_watched: list[WatchedTypes] = []
"""All types as they were watched last."""


def read_counts(refs: WatchedTypes, *, exact: bool = True) -> Counts:
    """Count the references to all watched types, and none of those that this takes.

    Without ``exact``, what other threads move meanwhile is as one pass saw it.
    """
    if not require_support().threads:
        return Counts(refs, _read_refcounts(refs.alive()), refs.places, {}, {})
    reader = _slot_reader(os.getpid())
    return retry_reading(
        lambda _: _read_once(reader, refs, exact=exact), patient=False, advice=ADVICE
    )


def _read_once(reader: SlotReader, refs: WatchedTypes, *, exact: bool) -> Counts:
    """Make both passes; raise what :meth:`SlotReader.read_once` raises."""
    first = reader.read_once()
    types = refs.alive()
    places = refs.locate(first.table_words, types)
    before = Counts(refs, _read_refcounts(types), places, key_arrays(first), {})
    if len(first.threads) == 1 or not exact:
        return before
    latest = reader.read_again(first)
    after = Counts(refs, _read_refcounts(types), places, key_arrays(latest), {})
    # A thread that ends may be merging its counts: they stand in both places meanwhile.
    merging = first.pool_locked or latest.pool_locked
    for number in range(len(refs)) if merging else find_changes(before, after):
        subject = types[number]
        if subject is not None and is_counted(subject) and not is_own(subject):
            after.exact[number] = _read_exactly(subject)
    return after


@cache
def _slot_reader(pid: int) -> SlotReader:
    """Return what reads the interpreter that runs this, in the process that runs this."""
    return SlotReader(ProcessMemory(pid), inspector.attach().layout, OwnWorld().interpreter)


def _read_refcounts(types: Sequence[type | None]) -> list[int]:
    """Return ``sys.getrefcount`` of each."""
    return list(map(sys.getrefcount, types))


def _measure_overhead() -> int:
    """Return how many references :func:`_read_refcounts` itself holds to each type."""
    alone: list[type | None] = [None]
    # An object that nobody else holds, in the place of a type.
    alone[0] = cast("type", object())
    return _read_refcounts(alone)[0]


_OVERHEAD: Final = _measure_overhead()


def _read_exactly(subject: type) -> TypeCount:
    """Read one type with the world stopped, where it can be.

    Raises :class:`OutdatedPlan` where it cannot, and the type does not settle.
    """
    seen = inspector.refcount(subject)
    if seen.header is None or seen.counted is None:
        raise NotCounted(name_of(subject), subject=subject)
    if not seen.settled:
        raise OutdatedPlan
    # This frame's and its callers' references are deferred: nobody counts them.
    return TypeCount(seen.counted, seen.header, dict(seen.contributions))


def find_changes(before: Counts, after: Counts) -> dict[int, int]:
    """Return position -> change of the total, of the types that moved and still live."""
    found: dict[int, int] = {}
    for number in compress(range(len(before.raw)), map(ne, before.raw, after.raw)):
        found[number] = after.raw[number] - before.raw[number]
    for key in before.arrays.keys() | after.arrays.keys():
        arrays = before.arrays.get(key, b""), after.arrays.get(key, b"")
        for number in _find_moved(before, after, arrays):
            old_place, new_place = before.places.of[number], after.places.of[number]
            change = read_slot(arrays[1], new_place) - read_slot(arrays[0], old_place)
            found[number] = found.get(number, 0) + change
    for number in before.exact.keys() | after.exact.keys():
        was, now = before.at(number), after.at(number)
        if was is not None and now is not None:
            found[number] = now.total - was.total
    refs = after.refs
    return {n: change for n, change in found.items() if change and refs[n]() is not None}


def _find_moved(before: Counts, after: Counts, arrays: tuple[bytes, bytes]) -> Iterable[int]:
    """Return the positions of types of which one thread's slot may have moved."""
    if before.places is not after.places:
        return range(len(after.places.of))
    return _find_moved_slots(after.places.numbers, *arrays)


def _find_moved_slots(numbers: Mapping[int, int], before: bytes, after: bytes) -> Iterable[int]:
    """Return which of the positions, each by its slot, have another count now."""
    if len(numbers) <= FEW_OBJECTS:
        return [
            number
            for place, number in numbers.items()
            if read_slot(before, place) != read_slot(after, place)
        ]
    # Slots of code objects and dictionaries belong to no type.
    return [numbers[place] for place in find_differing(before, after) if place in numbers]


def count_references(subject: type) -> TypeCount:
    """Count the references to one type, without those of this call.

    Raises as :func:`watch_counted_type`, and :class:`UnsupportedVersion` where nobody counts.
    """
    refs = watch_counted_type(subject)
    del subject  # with the GIL, frames hold references like anybody
    return count_watched_type(refs)


def count_watched_type(refs: WatchedTypes) -> TypeCount:
    """Count the references to the one type that is watched, which must live."""
    found = read_counts(refs).at(0)
    if found is None:
        raise ReferenceError("the type is gone")
    return found
