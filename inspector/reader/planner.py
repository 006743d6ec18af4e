"""Makes plans for readings by following pointers, without a pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.cpython.collector import plan_collector, read_collector
from inspector.cpython.layout import POOL_SIZE
from inspector.cpython.pool import Pool, read_pool, split_table
from inspector.cpython.runtime_lists import Thread, plan_thread, read_threads
from inspector.cpython.subclasses import walk_types
from inspector.errors import LayoutError
from inspector.reader.kinds import STATIC, Member, classify_objects, list_structure_sizes
from inspector.reader.plan import Plan
from inspector.reader.retries import OutdatedPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range
    from inspector.reader.plan import Request

__all__ = ["count_kinds", "make_plan", "reuse_table"]


def make_plan(
    memory: Memory, layout: Layout, interpreter: int, request: Request, last: Plan | None = None
) -> Plan:
    """Return what to read of the interpreter at an address.

    ``last`` is the plan of the reading before.  Without a collection since then no object
    has died, and the kinds of its objects are reused.

    Raises :class:`LayoutError` if there is no pool of ids, :class:`OutdatedPlan` if a thread
    got a new array meanwhile, and :class:`MemoryFault`.
    """
    published = layout.published
    gc_ranges = plan_collector(memory, published, interpreter)
    collector = read_collector(memory, gc_ranges)
    epoch = None if collector.collecting else collector.collections
    known_threads = last.threads if last is not None else ()
    chain = read_threads(memory, published, interpreter, layout.refcounts, known_threads)
    pool = read_pool(memory, interpreter + layout.unique_ids)
    if not pool.plausible:
        raise LayoutError(
            "PyInterpreterState.unique_ids", expected="a pool of ids", found=str(tuple(pool))
        )
    table_words = memory.read(*pool.table_range)
    table = reuse_table(table_words, pool, last) if request.kinds else {}
    kinds: dict[tuple[int, int], str] = {}
    if last is not None and epoch is not None and epoch == last.epoch:
        if last.request == request and _is_in_place(last, pool, table, chain):
            return last
        kinds = dict(last.kinds)
    members = _find_members(memory, layout, request, kinds, table)
    members += _find_unlisted(memory, layout, interpreter, request, kinds, table)
    ids = max((unique_id for unique_id, _, _ in members), default=0)
    ranges = _list_ranges(
        layout, interpreter, gc_ranges, pool, chain, ids if request.kinds else pool.size
    )
    sizes = list_structure_sizes(layout)
    ranges += [(address, sizes[kind]) for _, address, kind in members]
    return Plan(
        interpreter,
        request,
        epoch,
        pool,
        table_words,
        table,
        kinds,
        count_kinds(kinds, table) if request.kinds else {},
        chain,
        members,
        {address: place for place, (_, address, _) in enumerate(members)},
        ranges,
    )


def reuse_table(words: bytes, pool: Pool, last: Plan | None) -> dict[int, int]:
    """Return pool index -> address; reuses that of the last plan if the words are the same."""
    if last is not None and (last.pool.table, last.table_words) == (pool.table, words):
        return last.table
    return split_table(words, pool)


def _is_in_place(last: Plan, pool: Pool, table: dict[int, int], chain: list[Thread]) -> bool:
    """Whether the pool and the arrays are where the last plan has them."""
    return (
        last.pool.table_range == pool.table_range
        and last.table == table
        and _list_arrays(last.threads) == _list_arrays(chain)
    )


def _list_arrays(chain: list[Thread]) -> list[tuple[int, int, int]]:
    return [(thread.address, thread.values, thread.size) for thread in chain]


def _find_members(
    memory: Memory,
    layout: Layout,
    request: Request,
    kinds: dict[tuple[int, int], str],
    table: dict[int, int],
) -> list[Member]:
    """Return the requested objects of the pool; add the kinds of new ones to ``kinds``."""
    if not request.kinds:
        return []
    wanted: dict[int, int] = {}
    new: dict[int, int] = {}
    for index, address in table.items():
        if not request.only or address in request.only:
            wanted[index] = address
            if (index, address) not in kinds:
                new[index] = address
    kinds.update(classify_objects(memory, layout, new))
    members = []
    for entry in wanted.items():
        kind = kinds.get(entry, "")
        if kind in request.kinds:
            index, address = entry
            members.append((index + 1, address, kind))
    return members


def _find_unlisted(
    memory: Memory,
    layout: Layout,
    interpreter: int,
    request: Request,
    kinds: Mapping[tuple[int, int], str],
    table: dict[int, int],
) -> list[Member]:
    """Return the requested objects that are in no pool, as members with id 0."""
    if request.only:
        strangers = dict(enumerate(request.only.difference(table.values())))
        found = classify_objects(memory, layout, strangers)
        return [(0, address, kind) for (_, address), kind in found.items()]
    heap_types = request.unlisted and "type" in request.kinds
    static_types = STATIC in request.kinds
    if not heap_types and not static_types:
        return []
    types, namespaces = _select_kind(kinds, "type"), _select_kind(kinds, "dict")
    if not types:
        return []
    listed = set(table.values())
    members = []
    walked = walk_types(memory, layout, interpreter, types[0], namespaces)
    for address, is_heap in walked.items():
        if address in listed:
            continue
        if is_heap and heap_types:
            members.append((0, address, "type"))
        elif not is_heap and static_types:
            members.append((0, address, STATIC))
    return members


def count_kinds(kinds: Mapping[tuple[int, int], str], table: dict[int, int]) -> dict[str, int]:
    """Return kind -> number of entries of a table."""
    counts = {"type": 0, "code": 0, "dict": 0}
    for entry in table.items():
        kind = kinds.get(entry)
        if kind is not None:
            counts[kind] += 1
    return counts


def _select_kind(kinds: Mapping[tuple[int, int], str], wanted: str) -> list[int]:
    """Return the addresses of the objects of one kind."""
    return [address for (_, address), kind in kinds.items() if kind == wanted]


def _list_ranges(
    layout: Layout,
    interpreter: int,
    gc_ranges: tuple[Range, Range],
    pool: Pool,
    chain: list[Thread],
    ids: int,
) -> list[Range]:
    """Return the ranges that belong to no object; of each array the first ``ids`` slots."""
    published = layout.published
    ranges: list[Range] = [
        (layout.runtime + published["runtime_state.finalizing"], 8),
        (interpreter + layout.unique_ids, POOL_SIZE),
        (interpreter + published["interpreter_state.threads_head"] - 8, 16),
        *gc_ranges,
        pool.table_range,
    ]
    for thread in chain:
        if not thread.fits(pool):
            raise OutdatedPlan
        ranges += plan_thread(published, layout.refcounts, thread.address)
    ranges += [(thread.values, 8 * min(thread.size, ids)) for thread in chain]
    return ranges
