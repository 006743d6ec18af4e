"""What to read of one interpreter: planned without any pause, by following pointers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.census.kinds import classify
from inspector.cpython.collector import collector_ranges, read_collector
from inspector.cpython.layout import POOL_SIZE
from inspector.cpython.pool import Pool, Table, read_pool, split_table
from inspector.cpython.subclasses import walk_types
from inspector.cpython.walk import Thread, thread_ranges, threads
from inspector.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = [
    "FIXED",
    "STATIC",
    "Member",
    "Moved",
    "Plan",
    "Scope",
    "plan",
    "read_table",
    "structure_sizes",
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
    tally: Counter[str | None]
    """How many entries of the table there are of each kind."""
    unlisted: list[Member]
    """Types that are in no pool."""
    threads: list[Thread]
    members: list[Member]
    ranges: list[Range]
    slots: list[list[int]] | None = None
    """Per thread the indices of its array that are read; None for whole arrays."""
    halves: tuple[list[Range], list[Range]] | None = None
    """The same ranges in two halves, once :mod:`inspector.census.halves` made them."""

    def places(self, indices: Iterable[int]) -> list[int]:
        """Return where in ``members`` the objects at these pool indices stand, if they do.

        Members stand in the order of their ids, and those without one follow: in a plan as
        it was made, not in one of some members only.
        """
        found = []
        end = len(self.members) - len(self.unlisted)
        for index in indices:
            place = bisect_left(self.members, (index + 1,), hi=end)
            if place < end and self.members[place][0] == index + 1:
                found.append(place)
        return found


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
    pool = read_pool(memory, interpreter + layout.unique_ids)
    if not pool.plausible:
        raise LayoutError(
            "PyInterpreterState.unique_ids", expected="a pool of ids", found=str(tuple(pool))
        )
    table_words = memory.read(*pool.table_range)
    table = read_table(table_words, pool, last)
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
    ids = max((unique_id for unique_id, _, _ in members), default=0)
    ranges = _ranges(layout, interpreter, state, pool, chain, ids)
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
        Counter(map(kinds.get, table.members.items())),
        unlisted,
        chain,
        members,
        ranges,
    )


def read_table(words: bytes, pool: Pool, last: Plan | None) -> Table:
    """Return what a table says: that of the plan before, where its words are the same."""
    if last is not None and (last.pool.table, last.table_words) == (pool.table, words):
        return last.table
    return split_table(words, pool)


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


def _ranges(
    layout: Layout,
    interpreter: int,
    collector: tuple[Range, Range],
    pool: Pool,
    chain: list[Thread],
    ids: int,
) -> list[Range]:
    """List what is read besides objects: the fixed words, the table, threads, arrays.

    Of the arrays the first ``ids`` slots are, up to the last one that a member has.
    """
    published = layout.published
    ranges: list[Range] = [
        (layout.runtime + published["runtime_state.finalizing"], 8),
        (interpreter + layout.unique_ids, POOL_SIZE),
        (interpreter + published["interpreter_state.threads_head"] - 8, 16),
        *collector,
        pool.table_range,
    ]
    for thread in chain:
        if not thread.fits(pool):
            raise Moved
        ranges += thread_ranges(published, layout.refcounts, thread.address)
    ranges += [(thread.values, 8 * min(thread.size, ids)) for thread in chain]
    return ranges


def structure_sizes(layout: Layout) -> dict[str, int]:
    """Return, per kind, the bytes from an object's start to the end of its unique id."""
    return {
        "type": layout.type_unique_id + 8,
        "code": layout.code_unique_id + 8,
        "dict": layout.dict_watcher_tag + 8,
        STATIC: layout.published["type_object.size"],
    }
