"""One interpreter: what to read of it, and what the bytes say.

Planning follows pointers without any pause.  The bytes are then read in one
scattered read, and count only if nothing that the plan rests on has changed: the
thread list, each thread's array, the pool and its table.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.census.snapshot import PoolCount, ThreadCount
from inspector.cpython.collector import (
    Collector,
    collector_ranges,
    decode_collector,
    read_collector,
)
from inspector.cpython.members import basic_types, kinds_of
from inspector.cpython.refcount import HEADER_SIZE
from inspector.cpython.subclasses import walk_types
from inspector.cpython.walk import (
    Pool,
    Table,
    Thread,
    decode_thread,
    gil_enabled,
    split_table,
    thread_ranges,
    threads,
)
from inspector.cpython.words import unsigned
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.memory import Memory
    from inspector.process.vectors import Range

__all__ = [
    "Member",
    "Moved",
    "Plan",
    "Reading",
    "Scope",
    "classify",
    "plan",
    "pool_count",
    "read",
    "slots_only",
    "thread_counts",
    "understand",
]

FIXED: Final = 6
"""Ranges at the start of every plan, before those of threads and objects."""


STATIC: Final = "static"
"""The kind of a type that is no heap type."""


class Moved(Exception):
    """What the plan rests on changed before it was read."""


Member = tuple[int, int, str]
"""An object that is to be read: unique id (0 for one in no pool), address, kind.

A plain tuple: there is one per object while the world is stopped, and instances
of a class of ours would show up in the very reading that they are made for.
"""


class Scope(NamedTuple):
    """What of an interpreter is to be read."""

    kinds: tuple[str, ...]
    only: frozenset[int] = frozenset()
    """Addresses, also of objects in no pool; empty for every object of the kinds."""
    unlisted: bool = False
    """Types that are in no pool too: heap types without a unique id."""


class Plan(NamedTuple):
    """What to read of one interpreter."""

    interpreter: int
    scope: Scope
    epoch: int | None
    """Collections so far; None while one is under way, or where that is unknown."""
    pool: Pool
    table_words: bytes
    table: Table
    kinds: dict[tuple[int, int], str]
    """(pool index, address) -> kind, of all members that were looked at."""
    unlisted: list[Member]
    """Types that are in no pool."""
    threads: list[Thread]
    members: list[Member]
    ranges: list[Range]
    slots: list[list[int]] | None = None
    """Per thread the indices of its array that are read; None for whole arrays."""


class Reading(NamedTuple):
    """The bytes of one plan, checked against it and decoded as far as all rows need."""

    plan: Plan
    mutex: int
    """``PyMutex`` of the pool; locked while a thread that ends merges its counts."""
    collector: Collector
    finalizing: bool
    gil_enabled: bool | None
    threads: list[Thread]
    table: Table
    arrays: list[bytes]
    """Per thread, its array, or the planned slots of it."""
    structures: list[bytes]
    """Per member, its structure up to the unique id."""


def plan(
    memory: Memory, layout: Layout, interpreter: int, scope: Scope, last: Plan | None = None
) -> Plan:
    """Return what to read.

    ``last`` is the plan of the reading before: where no collection was since, no
    object can have died, and what was known of each still holds.
    """
    published = layout.published
    state = collector_ranges(memory, published, interpreter)
    collector = read_collector(memory, state)
    epoch = None if collector.collecting else collector.collections
    known_threads = last.threads if last is not None else ()
    chain = threads(memory, published, interpreter, layout.refcounts, known_threads)
    pool = Pool.decode(memory.read(interpreter + layout.unique_ids, 32))
    if not pool.plausible:
        raise LayoutError(
            "PyInterpreterState.unique_ids", expected="a pool of ids", found=str(tuple(pool))
        )
    table_words = memory.read(pool.table, 8 * pool.size)
    table = _table(table_words, pool, last)
    if last is None or epoch is None or epoch != last.epoch:
        known = {}
    elif last.scope == scope and _same_places(last, pool, table, chain):
        return last
    else:
        known = last.kinds
    wanted = table.members
    if scope.only:
        wanted = {index: each for index, each in wanted.items() if each in scope.only}
    new = {index: each for index, each in wanted.items() if (index, each) not in known}
    kinds = {**known, **classify(memory, layout, new)}
    members = [
        (index + 1, address, kind)
        for index, address in wanted.items()
        if (kind := kinds.get((index, address), "")) in scope.kinds
    ]
    unlisted = _unlisted(memory, layout, interpreter, scope, kinds, table)
    members += unlisted
    ranges = _ranges(layout, interpreter, state, pool, chain)
    sizes = structure_sizes(layout)
    ranges += [(address, sizes[kind]) for _, address, kind in members]
    return Plan(
        interpreter,
        scope,
        epoch,
        pool,
        table_words,
        table,
        kinds,
        unlisted,
        chain,
        members,
        ranges,
    )


def _table(words: bytes, pool: Pool, last: Plan | None) -> Table:
    """Return what a table says: that of the plan before, where its words are the same."""
    if last is not None and (last.pool.table, last.table_words) == (pool.table, words):
        return last.table
    return split_table(unsigned(words), pool)


def _unlisted(
    memory: Memory,
    layout: Layout,
    interpreter: int,
    scope: Scope,
    kinds: Mapping[tuple[int, int], str],
    table: Table,
) -> list[Member]:
    """Return the objects that are in no pool and are asked for, as members without an id."""
    listed = set(table.members.values())
    if scope.only:
        strangers = dict(enumerate(scope.only - listed))
        found = classify(memory, layout, strangers)
        return [(0, address, kind) for (_, address), kind in found.items()]
    types = [address for (_, address), kind in kinds.items() if kind == "type"]
    wanted = {True: scope.unlisted and "type" in scope.kinds, False: STATIC in scope.kinds}
    if not types or not any(wanted.values()):
        return []
    namespaces = [address for (_, address), kind in kinds.items() if kind == "dict"]
    walked = walk_types(memory, layout, interpreter, types[0], namespaces)
    return [
        (0, address, "type" if heap else STATIC)
        for address, heap in walked.items()
        if wanted[heap] and address not in listed
    ]


def _same_places(last: Plan, pool: Pool, table: Table, chain: list[Thread]) -> bool:
    """Whether everything that is to be read stands where it stood."""
    return (
        (last.pool.table, last.pool.size) == (pool.table, pool.size)
        and last.table.members == table.members
        and [(each.address, each.values, each.size) for each in last.threads]
        == [(each.address, each.values, each.size) for each in chain]
    )


def classify(
    memory: Memory, layout: Layout, members: Mapping[int, int]
) -> dict[tuple[int, int], str]:
    """Tell the kind of each object (index -> address); leave out what is none of ours."""
    at = layout.published["pyobject.ob_type"]
    pieces = memory.read_many([(address + at, 8) for address in members.values()])
    ob_types = [int.from_bytes(piece or b"", "little") for piece in pieces]
    kinds, _ = kinds_of(memory, basic_types(layout.published), set(ob_types))
    return {
        place: kinds[ob_type]
        for place, ob_type in zip(members.items(), ob_types, strict=True)
        if ob_type in kinds
    }


def _ranges(
    layout: Layout,
    interpreter: int,
    collector: tuple[Range, Range],
    pool: Pool,
    chain: list[Thread],
) -> list[Range]:
    """List what is read besides objects: the fixed words, the table, threads, arrays."""
    published = layout.published
    ranges: list[Range] = [
        (layout.runtime + published["runtime_state.finalizing"], 8),
        (interpreter + layout.unique_ids, 32),
        (interpreter + published["interpreter_state.threads_head"], 8),
        *collector,
        (pool.table, 8 * pool.size),
    ]
    for thread in chain:
        if thread.size > pool.size:
            raise Moved
        ranges += thread_ranges(published, layout.refcounts, thread.address)
    ranges += [(thread.values, 8 * thread.size) for thread in chain]
    return ranges


def slots_only(whole: Plan, numbers: list[int]) -> Plan:
    """Return a plan for some of the members that reads only their slots of the arrays."""
    members = [whole.members[number] for number in numbers]
    first = FIXED + 2 * len(whole.threads)
    objects = first + len(whole.threads)
    ids = sorted({unique_id - 1 for unique_id, _, _ in members if unique_id})
    slots = [[index for index in ids if index < thread.size] for thread in whole.threads]
    ranges = whole.ranges[:first]
    for thread, indices in zip(whole.threads, slots, strict=True):
        ranges += [(thread.values + 8 * index, 8) for index in indices]
    ranges += [(whole.ranges[objects + number][0], HEADER_SIZE) for number in numbers]
    return whole._replace(members=members, ranges=ranges, slots=slots)


def structure_sizes(layout: Layout) -> dict[str, int]:
    """Return, per kind, the bytes from an object's start to the end of its unique id."""
    return {
        "type": layout.type_unique_id + 8,
        "code": layout.code_unique_id + 8,
        "dict": layout.dict_watcher_tag + 8,
        STATIC: layout.published["type_object.size"],
    }


def read(memory: Memory, layout: Layout, plan: Plan) -> Reading:
    """Read a plan; raise :class:`Moved` when it no longer describes the interpreter."""
    return understand(memory, layout, plan, memory.read_many(plan.ranges))


def understand(memory: Memory, layout: Layout, plan: Plan, pieces: list[bytes | None]) -> Reading:
    """Check and decode the bytes of a plan's ranges."""
    finalizing, pool_words, head, _, _, table_words = pieces[:FIXED]
    if finalizing is None or pool_words is None or head is None:
        raise MemoryFault(*plan.ranges[0])
    pool = Pool.decode(pool_words)
    if (pool.table, pool.size) != (plan.pool.table, plan.pool.size) or table_words is None:
        raise Moved
    arrays = FIXED + 2 * len(plan.threads)
    chain = _check_threads(layout, plan, int.from_bytes(head, "little"), pieces[FIXED:arrays])
    objects = len(pieces) - len(plan.members)
    return Reading(
        plan,
        pool.mutex,
        decode_collector(pieces[3:5]),
        any(finalizing),
        gil_enabled(memory, layout.published, plan.interpreter),
        chain,
        _table(table_words, pool, plan),
        _arrays(plan, pieces[arrays:objects]),
        [words or b"" for words in pieces[objects:]],
    )


def _check_threads(
    layout: Layout, plan: Plan, head: int, pieces: list[bytes | None]
) -> list[Thread]:
    """Return the threads as read; they must be the planned ones with the planned arrays."""
    chain = []
    expected = head
    for number, planned in enumerate(plan.threads):
        words, counts = pieces[2 * number], pieces[2 * number + 1]
        if words is None or counts is None or planned.address != expected:
            raise Moved
        thread = decode_thread(layout.published, planned.address, words, counts)
        if (thread.values, thread.size) != (planned.values, planned.size):
            raise Moved
        chain.append(thread)
        expected = thread.next
    if expected:
        raise Moved
    return chain


def _arrays(plan: Plan, pieces: list[bytes | None]) -> list[bytes]:
    """Return each thread's array; of some slots, one behind the other, if so planned."""
    if plan.slots is None:
        if None in pieces:
            raise Moved
        return [piece or b"" for piece in pieces]
    rest = iter(pieces)
    return [b"".join(next(rest) or bytes(8) for _ in indices) for indices in plan.slots]


def pool_count(plan: Plan, table: Table) -> PoolCount:
    """Return the occupancy of a pool; ``table`` is what the reading itself saw."""
    size, used, free = plan.pool.size, len(table.members), len(table.free)
    if plan.scope.only:
        return PoolCount(size, used, free)
    kinds = Counter(map(plan.kinds.get, table.members.items()))
    return PoolCount(size, used, free, kinds["type"], kinds["code"], kinds["dict"])


def thread_counts(
    chain: list[Thread], names: Mapping[int, str], interpreter: int
) -> tuple[ThreadCount, ...]:
    """Return the threads, named by native id."""
    return tuple(
        ThreadCount(
            thread.native_id,
            names.get(thread.native_id, ""),
            interpreter,
            thread.size,
            thread.finalized,
        )
        for thread in chain
    )
