"""Requests for readings, and plans: the memory ranges that a reading consists of."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.refcount import HEADER_SIZE
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.cpython.pool import Pool
    from inspector.cpython.runtime_lists import Thread
    from inspector.process.vectors import Range
    from inspector.reader.kinds import Member

__all__ = ["RETRIES", "Pieces", "Plan", "Request", "plan_slots", "sort_pieces", "split_plan"]

RETRIES: Final = 4
"""Further passes over what the first two passes did not agree on."""


class Request(NamedTuple):
    """What to read, and of which interpreters; equal requests can share a plan."""

    kinds: tuple[str, ...]
    """Kinds of objects, of :data:`~inspector.snapshots.snapshot.KINDS`.  Without any, the pool
    and all slots of the threads' arrays are read, and no object."""
    only: frozenset[int] = frozenset()
    """Addresses of the only objects that are read; empty for all objects of the kinds."""
    unlisted: bool = False
    """Whether heap types without a unique id are read, too."""
    interpreter: int | None = None
    """CPython's id of the only interpreter that is read; None for all."""
    retries: int = RETRIES
    """As :data:`RETRIES`, of an interpreter that runs on."""


class Plan(NamedTuple):
    """The memory ranges to read of one interpreter, and what their order means."""

    interpreter: int
    """Address of the ``PyInterpreterState``."""
    request: Request
    epoch: int | None
    """Garbage collections so far; None during one, or if unknown.  In one epoch no object dies."""
    pool: Pool
    table_words: bytes
    table: dict[int, int]
    """Pool index -> address of the object that has this id."""
    kinds: dict[tuple[int, int], str]
    """(pool index, address) -> kind, of all objects of the pool that were examined."""
    kind_counts: dict[str, int]
    """Kind -> number of entries of the table."""
    threads: list[Thread]
    members: list[Member]
    places: dict[int, int]
    """Address of each member -> its index in ``members``."""
    ranges: list[Range]
    """In the order of :class:`Pieces`."""
    slots: list[list[int]] | None = None
    """Per thread, the indices of its array that are read; None for whole arrays."""
    split: tuple[list[Range], list[Range]] | None = None
    """The result of :func:`split_plan`, once that was called."""

    def find_places(self, indices: Iterable[int]) -> list[int]:
        """Return the indices in ``members`` of the objects with these pool indices."""
        found = []
        for index in indices:
            place = self.places.get(self.table.get(index, 0))
            if place is not None:
                found.append(place)
        return found


class Pieces(NamedTuple):
    """The bytes of a plan's ranges; None where nothing could be read."""

    finalizing: bytes | None
    """``_PyRuntime.finalizing``."""
    pool: bytes | None
    thread_list: bytes | None
    """``PyInterpreterState.threads``: ``next_unique_id`` and ``head``."""
    collecting: bytes | None
    collections: bytes | None
    """The collector's statistics."""
    table: bytes | None
    states: list[bytes | None]
    """Two per thread: its fixed members, and its ``refcounts``."""
    arrays: list[bytes | None]
    """One per thread, or one per slot that is read."""
    structures: list[bytes | None]
    """One per member."""


FIXED: Final = len(Pieces._fields) - 3
"""Ranges at the start of every plan, before those of threads and objects."""


def sort_pieces(plan: Plan, pieces: list[bytes | None]) -> Pieces:
    """Return the bytes of a plan's ranges by what they are."""
    arrays = FIXED + 2 * len(plan.threads)
    structures = len(pieces) - len(plan.members)
    finalizing, pool, thread_list, collecting, collections, table = pieces[:FIXED]
    return Pieces(
        finalizing,
        pool,
        thread_list,
        collecting,
        collections,
        table,
        pieces[FIXED:arrays],
        pieces[arrays:structures],
        pieces[structures:],
    )


def split_plan(plan: Plan) -> tuple[list[Range], list[Range]]:
    """Return the ranges that must be read at one instant, and those that may be read before.

    The counts in an object's header change at any time; the rest of its structure does not
    change while it lives.  The first part has all ranges that belong to no member, then each
    member's header; the second has each member's structure, including its header.  A pause
    then copies a tenth of the bytes.
    """
    first = len(plan.ranges) - len(plan.members)
    before = plan.ranges[first:]
    return plan.ranges[:first] + [(address, HEADER_SIZE) for address, _ in before], before


def plan_slots(whole: Plan, places: Iterable[int]) -> Plan:
    """Return a plan for some members of a whole plan: their headers and slots of the arrays."""
    members = []
    indices = []
    for place in places:
        member = whole.members[place]
        members.append(member)
        unique_id, _, _ = member
        if unique_id:
            indices.append(unique_id - 1)
    indices.sort()
    ranges = whole.ranges[: FIXED + 2 * len(whole.threads)]
    slots = []
    for thread in whole.threads:
        counted = indices[: bisect_left(indices, thread.size)]
        slots.append(counted)
        ranges += [(thread.values + WORD * index, WORD) for index in counted]
    ranges += [(address, HEADER_SIZE) for _, address, _ in members]
    return whole._replace(members=members, ranges=ranges, slots=slots)
