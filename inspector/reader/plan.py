"""What is asked of a reading, and what to read for it: ranges, and which bytes are which."""

from __future__ import annotations

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
"""Passes, after the first two, for what did not agree in them."""


class Request(NamedTuple):
    """What is to be read of which interpreters; equal requests may share a plan."""

    kinds: tuple[str, ...]
    """Of :data:`~inspector.snapshots.snapshot.KINDS`; none to read the pool and all slots of
    the threads' arrays, and no object."""
    only: frozenset[int] = frozenset()
    """Addresses, also of objects in no pool; empty for every object of the kinds."""
    unlisted: bool = False
    """Types that are in no pool too: heap types without a unique id."""
    interpreter: int | None = None
    """CPython's id of the only interpreter that is read; None for all."""
    retries: int = RETRIES
    """Passes, after the first two, over objects of an interpreter that runs on."""


class Plan(NamedTuple):
    """What to read of one interpreter."""

    interpreter: int
    """Address of the ``PyInterpreterState``."""
    request: Request
    epoch: int | None
    """Collections so far; None while one is under way, or where that is unknown."""
    pool: Pool
    table_words: bytes
    table: dict[int, int]
    """Pool index -> address of the object that has this id."""
    kinds: dict[tuple[int, int], str]
    """(pool index, address) -> kind, of all objects of the pool that were looked at."""
    kind_counts: dict[str, int]
    """How many entries of the table there are of each kind."""
    threads: list[Thread]
    members: list[Member]
    places: dict[int, int]
    """Address of each member -> where it stands in ``members``."""
    ranges: list[Range]
    """In the order of :class:`Pieces`."""
    slots: list[list[int]] | None = None
    """Per thread the indices of its array that are read; None for whole arrays."""
    split: tuple[list[Range], list[Range]] | None = None
    """The ranges as :func:`split_plan` returns them, once that was asked for."""

    def find_places(self, indices: Iterable[int]) -> list[int]:
        """Return where in ``members`` the objects at these pool indices stand, if they do."""
        addresses = map(self.table.get, indices)
        return [self.places[address] for address in addresses if address in self.places]


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
    """Return what has to be read at one instant, and what may be read before.

    Counts change at any time, and stand in the first words of an object.  What follows
    them, names and flags, is true of the object for as long as it lives.  So the first
    part is all that is of no member, then each member's header; the second is each
    member's structure, header included.  The pause moves a tenth of the bytes.
    """
    first = len(plan.ranges) - len(plan.members)
    before = plan.ranges[first:]
    return plan.ranges[:first] + [(address, HEADER_SIZE) for address, _ in before], before


def plan_slots(whole: Plan, places: Iterable[int]) -> Plan:
    """Return a plan for the headers of some members and their slots of the arrays."""
    members = [whole.members[place] for place in places]
    indices = sorted(unique_id - 1 for unique_id, _, _ in members if unique_id)
    slots = [[index for index in indices if index < thread.size] for thread in whole.threads]
    ranges = whole.ranges[: FIXED + 2 * len(whole.threads)]
    for thread, mine in zip(whole.threads, slots, strict=True):
        ranges += [(thread.values + WORD * index, WORD) for index in mine]
    ranges += [(address, HEADER_SIZE) for _, address, _ in members]
    return whole._replace(members=members, ranges=ranges, slots=slots)
