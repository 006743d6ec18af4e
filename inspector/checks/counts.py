"""How many references there are to types at one moment.

A reading takes the headers through ``sys.getrefcount``, which is one C call per
type, and the threads' arrays from memory.  It makes two passes without a pause: a count
that is the same in both was true at the moment between them.  The few types whose counts
other threads change meanwhile are read again with the world stopped.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import inspector
from inspector.checks.support import require_support
from inspector.checks.turns import Reading
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
    """``sys.getrefcount`` of each type; meaningless for a type that died."""
    slots: TypeSlots
    arrays: Arrays
    exact: dict[int, TypeCount]
    """Position -> count of a type that other threads used meanwhile, read on its own."""

    def at(self, number: int) -> TypeCount | None:
        """Return the count of the type at a position; None for a type that died."""
        if number in self.exact:
            return self.exact[number]
        raw = self.raw[number]
        if self.refs[number]() is None:
            return None
        header = raw - _OVERHEAD - (BIAS if raw > BIAS // 2 else 0)
        found: dict[int, int] = {}
        for (_, native), array in self.arrays.items():
            if value := read_slot(array, self.slots.by_position[number]):
                found[native] = found.get(native, 0) + value
        return TypeCount(header + sum(found.values()), header, found)

    def contributed(self) -> Iterator[tuple[int, int, int]]:
        """Yield position, native thread id and count of each contribution in the arrays."""
        numbers = self.slots.positions
        for (_, native), array in self.arrays.items():
            for number in _find_changed_slots(numbers, b"", array):
                yield number, native, read_slot(array, self.slots.by_position[number])


def collect_garbage() -> None:
    """Collect until a collection finds nothing, at most :data:`COLLECTIONS` times."""
    for _ in range(COLLECTIONS):
        if not gc.collect():
            return


def read_all_counts() -> Counts:
    """Watch and read all types.

    A new class without a unique id is missed until a class with one is made.
    """
    with Reading():
        return _read_all_counts()


def _read_all_counts() -> Counts:
    # The types are nearly always those of the last call; an unchanged table of unique ids
    # tells so without a walk over all types.
    if _last_watched and _last_watched[0].complete_table:
        now = read_counts(_last_watched[0])
        if now.slots.table == _last_watched[0].complete_table:
            return now
    if not _last_watched or not _last_watched[0].is_complete():
        _last_watched[:] = [watch_types()]
    [known] = _last_watched
    now = read_counts(known)
    known.complete_table = now.slots.table if now.slots.table and known.is_complete() else b""
    return now


_last_watched: list[WatchedTypes] = []
"""The one element is what :func:`read_all_counts` watched last."""


def read_counts(refs: WatchedTypes, *, exact: bool = True) -> Counts:
    """Count the references to all watched types, without those that the reading takes.

    Without ``exact`` one pass is made, and counts that other threads change meanwhile may
    be wrong.  Raises :class:`UnsupportedVersion` where nobody counts, and
    :class:`Unsettled` for counts that do not settle.
    """
    with Reading():
        if not require_support().threads:
            return Counts(refs, _read_refcounts(refs.alive()), refs.slots, {}, {})
        reader = _slot_reader(os.getpid())
        return retry_reading(
            lambda _: _read_once(reader, refs, exact=exact), patient=False, advice=ADVICE
        )


def _read_once(reader: SlotReader, refs: WatchedTypes, *, exact: bool) -> Counts:
    """Make one pass or two; raise what :meth:`SlotReader.read_once` raises."""
    first = reader.read_once()
    types = refs.alive()
    slots = refs.find_slots(first.table_words, types)
    before = Counts(refs, _read_refcounts(types), slots, key_arrays(first), {})
    if len(first.threads) == 1 or not exact:
        return before
    latest = reader.read_again(first)
    after = Counts(refs, _read_refcounts(types), slots, key_arrays(latest), {})
    # A thread that ends merges its counts: they are in its array and in the headers meanwhile.
    merging = first.pool_locked or latest.pool_locked
    for number in range(len(refs)) if merging else find_changes(before, after):
        subject = types[number]
        if subject is not None and is_counted(subject) and not is_own(subject):
            after.exact[number] = _read_exactly(subject)
    return after


@cache
def _slot_reader(pid: int) -> SlotReader:
    """Return the reader of the interpreter that runs this; ``pid`` is the own process."""
    return SlotReader(ProcessMemory(pid), inspector.attach().layout, OwnWorld().interpreter)


def _read_refcounts(types: Sequence[type | None]) -> list[int]:
    """Return ``sys.getrefcount`` of each type."""
    # A loop variable would hold one reference more to the type, and not on every build.
    return list(map(sys.getrefcount, types))


def _measure_overhead() -> int:
    """Return how many references :func:`_read_refcounts` itself holds to each type."""
    alone: list[type | None] = [None]
    # Nobody else refers to this object: what is counted is the reading's own.
    alone[0] = cast("type", object())
    return _read_refcounts(alone)[0]


_OVERHEAD: Final = _measure_overhead()


def _read_exactly(subject: type) -> TypeCount:
    """Read one type, with the world stopped where that is possible.

    Raises :class:`OutdatedPlan` for a type whose count does not settle.
    """
    seen = inspector.refcount(subject)
    if seen.header is None or seen.counted is None:
        raise NotCounted(name_of(subject), subject=subject)
    if not seen.settled:
        raise OutdatedPlan
    # The references of this frame and its callers are deferred: nobody counts them.
    return TypeCount(seen.counted, seen.header, dict(seen.contributions))


def find_changes(before: Counts, after: Counts) -> dict[int, int]:
    """Return position -> change of the total, for types that changed and still live."""
    found: dict[int, int] = {}
    for number, (old, new) in enumerate(zip(before.raw, after.raw, strict=True)):
        if old != new:
            found[number] = new - old
    for key in before.arrays.keys() | after.arrays.keys():
        first, last = before.arrays.get(key, b""), after.arrays.get(key, b"")
        for number in _find_changed(before, after, first, last):
            old_slot, new_slot = before.slots.by_position[number], after.slots.by_position[number]
            change = read_slot(last, new_slot) - read_slot(first, old_slot)
            found[number] = found.get(number, 0) + change
    for number in before.exact.keys() | after.exact.keys():
        was, now = before.at(number), after.at(number)
        if was is not None and now is not None:
            found[number] = now.total - was.total
    changed: dict[int, int] = {}
    for number, change in found.items():
        if change and after.refs[number]() is not None:
            changed[number] = change
    return changed


def _find_changed(before: Counts, after: Counts, old: bytes, new: bytes) -> Iterable[int]:
    """Return the positions of types that one thread, whose arrays these are, may have counted."""
    if before.slots is not after.slots:
        return range(len(after.slots.by_position))
    return _find_changed_slots(after.slots.positions, old, new)


def _find_changed_slots(numbers: Mapping[int, int], before: bytes, after: bytes) -> Iterable[int]:
    """Return the positions, given by slot, whose count differs between two arrays."""
    if len(numbers) <= FEW_OBJECTS:
        for slot, number in numbers.items():
            if read_slot(before, slot) != read_slot(after, slot):
                yield number
        return
    for slot in find_differing(before, after):
        if slot in numbers:  # code objects and dictionaries have slots, too
            yield numbers[slot]


def count_references(subject: type) -> TypeCount:
    """Count the references to one type, without those of this call.

    Raises as :func:`watch_counted_type`, and :class:`UnsupportedVersion` where nobody counts.
    """
    refs = watch_counted_type(subject)
    del subject  # with the GIL, frames hold references like anybody
    return count_watched_type(refs)


def count_watched_type(refs: WatchedTypes) -> TypeCount:
    """Count the references to the one type that is watched.

    Raises :class:`ReferenceError` if it died.
    """
    found = read_counts(refs).at(0)
    if found is None:
        raise ReferenceError("the type is gone")
    return found
