"""How many references there are to a type, on any build that can tell.

On a free-threaded CPython 3.14 or newer the count is the header plus what every
thread has contributed.  On a build with the GIL ``sys.getrefcount`` is the whole
truth.  Elsewhere nobody can tell, and :func:`support` says why.

A reading takes the headers through ``sys.getrefcount``, which is one C call per
type, and the threads' arrays from memory.  It makes two passes without a pause:
what agrees in both was so at the moment between them.  The few types that other
threads move meanwhile are read exactly, with the world stopped.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from functools import cache
from itertools import compress, repeat
from operator import is_, ne
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import inspector
from inspector.census.totals import TRIES, Arrays, SlotReader, differing, places, slot
from inspector.cpython.refcount import BIAS
from inspector.errors import InspectorError, NotAType, NotCounted, Unsettled, UnsupportedVersion
from inspector.process.memory import ProcessMemory
from inspector.process.world import OwnWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = [
    "Counts",
    "Support",
    "TypeCount",
    "TypeRef",
    "all_types",
    "collect",
    "collections",
    "count",
    "count_alone",
    "counted",
    "is_counted",
    "is_own",
    "moves",
    "name_of",
    "read",
    "require",
    "support",
    "thread_labels",
    "watch",
]

TypeRef = weakref.ReferenceType[type]

HEAP_TYPE: Final = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE`` (Include/object.h): other types are not counted."""

COLLECTIONS: Final = 3
"""Collections in a row, at most, until one finds nothing: finalizers leave garbage."""

# Read past metaclasses that define these names themselves.
_flags_of = type.__dict__["__flags__"].__get__
_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__


class Support(NamedTuple):
    """What this build can tell about references to types."""

    threads: bool
    """Counts per thread are kept and can be read."""
    reason: str
    """Why there is no count at all; empty where there is one."""
    no_threads: str = ""
    """Why there are no counts per thread; empty where there are."""


class TypeCount(NamedTuple):
    """The references to one type."""

    total: int
    header: int
    """Of these, counted in the header; signed."""
    contributions: Mapping[int, int]
    """Native thread id -> signed count since the last merge; zeros are left out."""


class Counts(NamedTuple):
    """The references to many types at one moment; compared by :func:`moves`."""

    refs: Sequence[TypeRef]
    raw: list[int | None]
    """``sys.getrefcount`` of each, taken from a list; None for a type that is gone."""
    places: list[int]
    """Slot of each type in the threads' arrays; -1 for one without a unique id."""
    arrays: Arrays
    exact: dict[int, TypeCount]
    """What other threads moved meanwhile and was read on its own, by position."""

    def at(self, number: int) -> TypeCount | None:
        """Return the count of one type; None when it is gone."""
        if number in self.exact:
            return self.exact[number]
        raw = self.raw[number]
        if raw is None:
            return None
        header = raw - _OVERHEAD - (BIAS if raw > BIAS // 2 else 0)
        found: dict[int, int] = {}
        for (_, native), array in self.arrays.items():
            if value := slot(array, self.places[number]):
                found[native] = found.get(native, 0) + value
        return TypeCount(header + sum(found.values()), header, found)

    def contributed(self) -> Iterator[tuple[int, int, int]]:
        """Yield position, native thread id and count of what stands in the arrays."""
        numbers = {place: number for number, place in enumerate(self.places) if place >= 0}
        for (_, native), array in self.arrays.items():
            for place in differing(b"", array):
                if place in numbers:
                    yield numbers[place], native, slot(array, place)


def support() -> Support:
    """Say what this build can tell; the same answer for the life of a process."""
    pid = os.getpid()
    if _known_support.get("pid") != pid:
        _known_support.update(pid=pid, answer=_find_support())
    answer = _known_support["answer"]
    assert isinstance(answer, Support)  # noqa: S101 - for the type checker
    return answer


_known_support: dict[str, object] = {}


def _find_support() -> Support:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.implementation.name != "cpython":
        return Support(threads=False, reason=f"{sys.implementation.name} counts no references")
    if "t" not in sys.abiflags:
        return Support(
            threads=False, reason="", no_threads=f"Python {version} has the GIL built in"
        )
    try:
        inspector.attach()
    except InspectorError as problem:
        return Support(threads=False, reason=str(problem), no_threads=str(problem))
    return Support(threads=True, reason="")


def require() -> Support:
    """Return the support, or raise :class:`UnsupportedVersion` where there is no count."""
    found = support()
    if found.reason:
        raise UnsupportedVersion(
            f"references to types cannot be counted: {found.reason}",
            pid=os.getpid(),
            hint="use CPython: free-threaded 3.14 or newer on 64-bit Linux, or any with the GIL",
        )
    return found


def collections() -> int:
    """Return how many collections there were so far."""
    return sum(generation["collections"] for generation in gc.get_stats())


def collect() -> None:
    """Collect until nothing more is found, so that no garbage holds references."""
    for _ in range(COLLECTIONS):
        if not gc.collect():
            return


def name_of(subject: type) -> str:
    """Return ``module.qualname`` without running code of a metaclass."""
    try:
        module = _module_of(subject)
    except AttributeError:
        module = None
    qualname = str(_qualname_of(subject))
    return f"{module}.{qualname}" if isinstance(module, str) else qualname


def is_counted(subject: type) -> bool:
    """Whether CPython counts the references that instances hold: heap types only."""
    return bool(_flags_of(subject) & HEAP_TYPE)


def is_own(subject: type) -> bool:
    """Whether this is a type of inspector itself, which every reading moves."""
    return name_of(subject).startswith("inspector.")


def all_types() -> list[type]:
    """Return every type, each once, found from ``object`` down."""
    found: list[type] = [object]
    subclasses: Callable[[type], list[type]] = type.__subclasses__
    for each in found:
        # Most have none: asking first is faster than adding nothing.
        if new := subclasses(each):
            found.extend(new)
    return _each_once(found)


def _each_once(types: Iterable[type]) -> list[type]:
    """Drop repetitions by identity: a metaclass may define what equality means."""
    return list({id(each): each for each in types}.values())


def watch(subjects: Iterable[type] | None = None) -> list[TypeRef]:
    """Return weak references to types, by default to all of them.

    A type that dies stays recognisable: another one at its address is not it.
    """
    return list(map(weakref.ref, all_types() if subjects is None else _each_once(subjects)))


def read(refs: Sequence[TypeRef], *, exact: bool = True) -> Counts:
    """Count the references to all watched types, and none of those that this takes.

    Without ``exact``, what other threads move meanwhile is as one pass saw it.
    """
    if not require().threads:
        return Counts(refs, _raw(_alive(refs)), [-1] * len(refs), {}, {})
    reader = SlotReader(ProcessMemory(), inspector.attach().layout, _world().interpreter)
    for _ in range(TRIES):
        slots, ranges = reader.read()
        types = _alive(refs)
        found = Counts(refs, _raw(types), _places(slots[0], types), slots[1], {})
        if len(slots[1]) == 1 or not exact:
            return found
        again = reader.again(slots, ranges)
        if again is None or again[0] != slots[0]:
            continue
        quiet = slots[2] and again[2]
        after = Counts(refs, _raw(types), found.places, again[1], {})
        for number in moves(found, after) if quiet else range(len(refs)):
            subject = types[number]
            if subject is not None and is_counted(subject) and not is_own(subject):
                after.exact[number] = _exact(subject)
        return after
    raise Unsettled(
        f"the threads' arrays did not hold still in {TRIES} readings",
        tries=TRIES,
        hint="threads or classes come and go too fast; check fewer things at once",
    )


@cache
def _world() -> OwnWorld:
    """Return what knows the interpreter that runs this."""
    return OwnWorld()


_last_places: tuple[bytes, list[int], list[int]] = (b"", [], [])


def _places(table: bytes, types: Sequence[type | None]) -> list[int]:
    """Return the slot of each type; the same as last time if nothing was born or died."""
    global _last_places  # noqa: PLW0603 - one process has one table
    addresses = list(map(id, types))
    known_table, known_addresses, known = _last_places
    if table == known_table and addresses == known_addresses:
        return known
    found = places(table, addresses)
    _last_places = (table, addresses, found)
    return found


def _alive(refs: Sequence[TypeRef]) -> list[type | None]:
    """Return the types, with None for those that are gone."""
    return [ref() for ref in refs]


def _raw(types: Sequence[type | None]) -> list[int | None]:
    """Return ``sys.getrefcount`` of each."""
    numbers: list[int | None] = list(map(sys.getrefcount, types))
    for gone in compress(range(len(types)), map(is_, types, repeat(None))):
        numbers[gone] = None
    return numbers


def _overhead() -> int:
    """Return the references that a reading itself holds to each type, in :func:`_raw`."""
    alone: list[type | None] = [None]
    # An object that nobody else holds, in the place of a type.
    alone[0] = cast("type", object())
    return _raw(alone)[0] or 0


_OVERHEAD: Final = _overhead()


def _exact(subject: type) -> TypeCount:
    """Read one type with the world stopped."""
    seen = inspector.refcount(subject)
    if seen.header is None or seen.counted is None:
        raise NotCounted(f"{name_of(subject)} is not counted", subject=subject)
    # This frame's and its callers' references are deferred: nobody counts them.
    return TypeCount(seen.counted, seen.header, dict(seen.contributions))


def moves(before: Counts, after: Counts) -> dict[int, int]:
    """Return position -> change of the total, of the types that moved and still live."""
    found: dict[int, int] = {}
    for number in compress(range(len(before.raw)), map(ne, before.raw, after.raw)):
        old, new = before.raw[number], after.raw[number]
        if old is not None and new is not None:
            found[number] = new - old
    for key in before.arrays.keys() | after.arrays.keys():
        for number, change in _moved_slots(
            (before.arrays.get(key, b""), before.places), (after.arrays.get(key, b""), after.places)
        ):
            if after.raw[number] is not None:
                found[number] = found.get(number, 0) + change
    for number in before.exact.keys() | after.exact.keys():
        was, now = before.at(number), after.at(number)
        if was is not None and now is not None:
            found[number] = now.total - was.total
    return {number: change for number, change in found.items() if change}


def _moved_slots(
    before: tuple[bytes, list[int]], after: tuple[bytes, list[int]]
) -> Iterator[tuple[int, int]]:
    """Yield position and change of each type's slot in one array that differs."""
    if before[1] == after[1]:
        if before[0] == after[0]:
            return
        # Slots of code objects and dictionaries belong to no type.
        known = set(after[1])
        numbers = (after[1].index(each) for each in differing(before[0], after[0]) if each in known)
    else:
        numbers = (n for n in range(len(after[1])))
    for number in numbers:
        yield number, slot(after[0], after[1][number]) - slot(before[0], before[1][number])


def counted(subject: type) -> list[TypeRef]:
    """Return the type to watch alone.

    Raises :class:`NotAType`, and :class:`NotCounted` for a static type.
    """
    if not isinstance(subject, type):
        raise NotAType(
            f"{type(subject).__name__} object is not a type",
            subject=subject,
            hint="true counts exist for types; sys.getrefcount is right for other objects",
        )
    if not is_counted(subject):
        raise NotCounted(
            f"{name_of(subject)} is static: CPython does not count its references",
            subject=subject,
            hint="only heap types, made by class statements or PyType_FromSpec, are counted",
        )
    return watch((subject,))


def count(subject: type) -> TypeCount:
    """Count the references to one type, without those of this call.

    Raises as :func:`counted`, and :class:`UnsupportedVersion` where nobody counts.
    """
    refs = counted(subject)
    del subject  # with the GIL, frames hold references like anybody
    return count_alone(refs)


def count_alone(refs: list[TypeRef]) -> TypeCount:
    """Count the references to the one type that is watched, which must live."""
    found = read(refs).at(0)
    if found is None:
        raise ReferenceError("the type is gone")
    return found


def thread_labels() -> dict[int, str]:
    """Return native thread id -> ``name (native id)`` of the threads that live."""
    return {
        each.native_id: f"{each.name} ({each.native_id})"
        for each in threading.enumerate()
        if each.native_id is not None
    }
