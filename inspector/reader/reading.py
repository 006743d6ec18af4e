"""Readings of one interpreter: the bytes of a plan, decoded and checked against it.

A reading is valid only if the thread list, the address of each thread's array, the pool and
its table are still those of the plan.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from inspector.cpython.collector import PLAUSIBLE, Collector, decode_collector
from inspector.cpython.pool import LOCKED, Pool
from inspector.cpython.runtime_lists import Thread, decode_thread
from inspector.cpython.words import word_at
from inspector.errors import MemoryFault
from inspector.reader.kinds import Member, classify_objects
from inspector.reader.plan import Plan, sort_pieces
from inspector.reader.planner import reuse_table
from inspector.reader.retries import OutdatedPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory, RepeatableMemory
    from inspector.reader.stacks import Stacks

__all__ = ["Bounds", "Reading", "decode_reading", "match_members", "read_plan"]

Bounds = tuple[int, int]
"""The smallest and the largest count that was seen of an object that did not settle."""

_NONE: Final[Mapping[int, Any]] = MappingProxyType({})


class Reading(NamedTuple):
    """One interpreter, read by a plan."""

    plan: Plan
    pool_locked: bool
    """A thread held the pool's mutex, as it does when it ends and merges its counts."""
    collector: Collector
    finalizing: bool
    threads_started: int | None
    """Thread states so far; None if unknown."""
    states: list[bytes | None]
    """Two per thread: its fixed members, and its ``refcounts``."""
    threads: list[Thread]
    table_words: bytes
    table: dict[int, int]
    """As :attr:`Plan.table`, at the time of the reading."""
    arrays: list[bytes]
    """Per thread, its array, or the slots of it that were planned."""
    members: list[Member]
    """Members of the plan, without objects that died before they were read, and with new ones."""
    structures: list[bytes]
    """Per member, its structure up to the unique id; empty where it could not be read."""
    reread: Mapping[int, dict[int, int]] = _NONE
    """Pool index -> native thread id -> count, of objects that were read again to settle."""
    bounds: Mapping[int, Bounds] = _NONE
    """Address -> bounds of the count, of objects that did not settle."""
    stacks: Stacks | None = None
    """Deferred references per thread; None if they were not read."""
    exact: bool = False
    """Everything was read at one instant."""
    tries: int = 1
    merging: bool = False
    """Contributions may have moved into headers during the reading."""

    @property
    def quiet(self) -> bool:
        """Whether no merge of contributions can have been under way.

        The collector merges while ``collecting`` is set, and a thread that ends while it
        holds the pool's mutex.  During a merge a count is in both places for a moment.
        """
        return not self.collector.collecting and not self.pool_locked

    @property
    def merges(self) -> tuple[int | None, int | None]:
        """Counters that change whenever contributions move into headers."""
        return self.collector.collections, self.threads_started


def read_plan(
    memory: RepeatableMemory, layout: Layout, plan: Plan, last: Reading | None = None
) -> Reading:
    """Read a plan; raise :class:`OutdatedPlan` when it no longer describes the interpreter."""
    whole = plan.slots is None and plan.request.kinds
    pieces = memory.read_again(plan.ranges) if whole else memory.read_many(plan.ranges)
    return decode_reading(layout, plan, pieces, last)


def decode_reading(
    layout: Layout, plan: Plan, pieces: list[bytes | None], last: Reading | None = None
) -> Reading:
    """Check and decode the bytes of a plan's ranges; reuse what did not change since ``last``.

    Raises :class:`OutdatedPlan`, and :class:`MemoryFault` if the interpreter is gone.
    """
    found = sort_pieces(plan, pieces)
    if found.finalizing is None or found.pool is None or found.thread_list is None:
        raise MemoryFault(*plan.ranges[0])
    pool = Pool.decode(found.pool)
    if pool.table_range != plan.pool.table_range or found.table is None:
        raise OutdatedPlan
    if last is not None and last.plan.threads is plan.threads and last.states == found.states:
        chain = last.threads
    else:
        chain = _decode_threads(layout, plan, found.states)
    # struct pythreads (Include/internal/pycore_interp_structs.h, 3.14 and 3.15):
    # next_unique_id, then the head of the list.
    started, head = word_at(found.thread_list, 0), word_at(found.thread_list, 8)
    if head != (chain[0].address if chain else 0):
        raise OutdatedPlan
    return Reading(
        plan,
        bool(pool.mutex & LOCKED),
        decode_collector((found.collecting, found.collections)),
        any(found.finalizing),
        started if len(chain) <= started < PLAUSIBLE else None,
        found.states,
        chain,
        found.table,
        reuse_table(found.table, pool, plan) if plan.request.kinds else plan.table,
        _join_arrays(plan, found.arrays),
        plan.members,
        _replace_unread(found.structures),
    )


def _replace_unread(pieces: list[bytes | None]) -> list[bytes]:
    """Return the pieces, empty where nothing could be read."""
    if all(pieces):  # nearly always, and a test is faster than a copy
        return cast("list[bytes]", pieces)
    return [words or b"" for words in pieces]


def _decode_threads(layout: Layout, plan: Plan, states: list[bytes | None]) -> list[Thread]:
    """Return the threads; raise :class:`OutdatedPlan` if they or their arrays have changed."""
    chain = []
    following = [thread.address for thread in plan.threads[1:]] + [0] * bool(plan.threads)
    for planned, next_, words, counts in zip(
        plan.threads, following, states[::2], states[1::2], strict=True
    ):
        if words is None or counts is None:
            raise OutdatedPlan
        thread = decode_thread(layout.published, planned.address, words, counts)
        if (thread.next, thread.values, thread.size) != (next_, planned.values, planned.size):
            raise OutdatedPlan
        chain.append(thread)
    return chain


def _join_arrays(plan: Plan, pieces: list[bytes | None]) -> list[bytes]:
    """Return each thread's array, or its planned slots as one piece."""
    if plan.slots is None:
        if None in pieces:
            raise OutdatedPlan
        return [piece or b"" for piece in pieces]
    arrays = []
    first = 0
    for indices in plan.slots:
        after = first + len(indices)
        arrays.append(b"".join([piece or bytes(8) for piece in pieces[first:after]]))
        first = after
    return arrays


def match_members(memory: Memory, layout: Layout, reading: Reading) -> Reading:
    """Remove objects that died before they were read; add new ones without their structure."""
    plan, now, before = reading.plan, reading.table, reading.plan.table
    if now is before or now == before:
        return reading
    members = []
    structures = []
    for member, words in zip(plan.members, reading.structures, strict=True):
        unique_id, address, _ = member
        if not unique_id or now.get(unique_id - 1) == address:
            members.append(member)
            structures.append(words)
    if not plan.request.only:
        born: dict[int, int] = {}
        for index, address in now.items():
            if before.get(index) != address:
                born[index] = address
        for (index, address), kind in classify_objects(memory, layout, born).items():
            if kind in plan.request.kinds:
                members.append((index + 1, address, kind))
                structures.append(b"")
    return reading._replace(members=members, structures=structures)
