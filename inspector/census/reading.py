"""One interpreter as its bytes say: decoded, and checked against the plan.

The bytes of one scattered read count only if nothing that the plan rests on has
changed: the thread list, each thread's array, the pool and its table.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, cast

from inspector.census.interpreter import InterpreterCount, PoolCount, ThreadCount
from inspector.census.plan import FIXED, Moved, Plan, read_table
from inspector.cpython.collector import (
    PLAUSIBLE,
    Collector,
    decode_collector,
)
from inspector.cpython.pool import Pool, Table
from inspector.cpython.walk import Thread, decode_thread, gil_enabled
from inspector.cpython.words import word_at
from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.interpreter import PoolLife
    from inspector.census.stacks import Stacks
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory, StandingMemory

__all__ = ["Bounds", "Reading", "Seen", "interpreter_count", "read", "understand"]


Bounds = tuple[int, int]
"""The smallest and the largest count that was seen of an object in motion."""


class Reading(NamedTuple):
    """The bytes of one plan, checked against it and decoded as far as all rows need."""

    plan: Plan
    mutex: int
    """``PyMutex`` of the pool; locked while a thread that ends merges its counts."""
    collector: Collector
    finalizing: bool
    gil_enabled: bool | None
    started: int | None
    """Thread states that were ever made; None where that is unknown."""
    states: list[bytes | None]
    """Per thread state, its fixed members and its ``refcounts``."""
    threads: list[Thread]
    table: Table
    arrays: list[bytes]
    """Per thread, its array, or the planned slots of it."""
    structures: list[bytes]
    """Per member, its structure up to the unique id."""


class Seen(NamedTuple):
    """One interpreter as it was read."""

    interpreter: int
    planned: Plan
    reading: Reading
    again: dict[int, dict[int, int]]
    """Contributions by pool index, of objects that had to be read again to settle."""
    bounds: list[Bounds | None]
    stacks: Stacks | None
    """Deferred references per thread; None where they were not read."""
    exact: bool
    tries: int
    merging: bool
    """Contributions may have moved into headers while it was read."""


def read(
    memory: StandingMemory, layout: Layout, plan: Plan, last: Reading | None = None
) -> Reading:
    """Read a plan; raise :class:`Moved` when it no longer describes the interpreter."""
    look = memory.read_again if plan.slots is None else memory.read_many
    return understand(memory, layout, plan, look(plan.ranges), last)


def understand(
    memory: Memory,
    layout: Layout,
    plan: Plan,
    pieces: list[bytes | None],
    last: Reading | None = None,
) -> Reading:
    """Check and decode the bytes of a plan's ranges; ``last`` spares what did not change."""
    finalizing, pool_words, head, _, _, table_words = pieces[:FIXED]
    if finalizing is None or pool_words is None or head is None:
        raise MemoryFault(*plan.ranges[0])
    pool = Pool.decode(pool_words)
    if (pool.table, pool.size) != (plan.pool.table, plan.pool.size) or table_words is None:
        raise Moved
    arrays = FIXED + 2 * len(plan.threads)
    states = pieces[FIXED:arrays]
    if last is not None and last.plan.threads is plan.threads and last.states == states:
        chain = last.threads
    else:
        chain = _decode_threads(layout, plan, states)
    if word_at(head, 8) != (chain[0].address if chain else 0):
        raise Moved
    objects = len(pieces) - len(plan.members)
    return Reading(
        plan,
        pool.mutex,
        decode_collector(pieces[3:5]),
        any(finalizing),
        gil_enabled(memory, layout.published, plan.interpreter),
        _started(head, chain),
        states,
        chain,
        read_table(table_words, pool, plan),
        _arrays(plan, pieces[arrays:objects]),
        _bytes(pieces[objects:]),
    )


def _started(words: bytes, chain: list[Thread]) -> int | None:
    """Return ``threads.next_unique_id``, which stands before the head of the list.

    ``struct pythreads`` (Include/internal/pycore_interp_structs.h, 3.14 and 3.15).
    """
    number = word_at(words, 0)
    return number if len(chain) <= number < PLAUSIBLE else None


def _decode_threads(layout: Layout, plan: Plan, states: list[bytes | None]) -> list[Thread]:
    """Return the threads as read; they must be the planned ones with the planned arrays."""
    chain = []
    for number, planned in enumerate(plan.threads):
        words, counts = states[2 * number], states[2 * number + 1]
        if words is None or counts is None:
            raise Moved
        thread = decode_thread(layout.published, planned.address, words, counts)
        if (thread.values, thread.size) != (planned.values, planned.size):
            raise Moved
        chain.append(thread)
    following = [*(thread.address for thread in chain), 0][1:]
    if [thread.next for thread in chain] != following:
        raise Moved
    return chain


def _bytes(pieces: list[bytes | None]) -> list[bytes]:
    """Return the pieces, empty where nothing could be read."""
    if all(pieces):  # nearly always, and sooner seen than done
        return cast("list[bytes]", pieces)
    return [words or b"" for words in pieces]


def _arrays(plan: Plan, pieces: list[bytes | None]) -> list[bytes]:
    """Return each thread's array; of some slots, one behind the other, if so planned."""
    if plan.slots is None:
        if None in pieces:
            raise Moved
        return [piece or b"" for piece in pieces]
    rest = iter(pieces)
    return [b"".join(next(rest) or bytes(8) for _ in indices) for indices in plan.slots]


def interpreter_count(
    reading: Reading, identifier: int, names: Mapping[int, str], life: PoolLife
) -> InterpreterCount:
    """Return what a reading says of its interpreter; the threads are named by native id."""
    return InterpreterCount(
        identifier,
        exact=False,
        pool=_pool_count(reading.plan, reading.table),
        collections=reading.collector.collections,
        threads=tuple(
            ThreadCount(
                thread.native_id,
                names.get(thread.native_id, ""),
                identifier,
                thread.size,
                thread.finalized,
            )
            for thread in reading.threads
        ),
        life=life,
        threads_started=reading.started,
    )


def _pool_count(plan: Plan, table: Table) -> PoolCount:
    """Return the occupancy of a pool; ``table`` is what the reading itself saw."""
    size, used, free = plan.pool.size, len(table.members), len(table.free)
    if plan.scope.only:
        return PoolCount(size, used, free)
    same = table is plan.table
    kinds = plan.tally if same else Counter(map(plan.kinds.get, table.members.items()))
    return PoolCount(size, used, free, kinds["type"], kinds["code"], kinds["dict"])
