"""Readings of an interpreter that runs on, in passes that must agree.

Words that are equal in two passes all had these values at the moment between the passes,
and their sum is the count of that moment.  Objects whose words differ are read again, without
the others and hence faster, until two passes agree.  If they do not within the request's
``retries``, the smallest and the largest sum are the bounds of the count.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.refcount import HEADER_SIZE
from inspector.errors import MemoryFault
from inspector.reader.contributions import find_counting_slots, find_moved_slots
from inspector.reader.plan import Plan, plan_slots
from inspector.reader.planner import make_plan
from inspector.reader.reading import Reading, match_members, read_plan
from inspector.reader.retries import OutdatedPlan, retry_reading
from inspector.reader.rows import count_references

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import RepeatableMemory
    from inspector.reader.interpreter_state import InterpreterState
    from inspector.reader.plan import Request
    from inspector.reader.reading import Bounds

__all__ = ["read_running", "read_until_settled"]

MAX_SINGLE_SLOTS: Final = 2048
"""Up to so many slots are read one by one, which is faster than whole arrays."""


def read_running(state: InterpreterState, request: Request) -> Reading:
    """Read an interpreter that runs on, in passes that must agree.

    Raises what :func:`~inspector.reader.retries.retry_reading` raises.
    """
    memory, layout, latest = state.memory, state.layout, state.latest

    def attempt(number: int) -> Reading:
        reading = None
        if number == 1 and latest is not None and _may_reuse(latest, request):
            with suppress(OutdatedPlan, MemoryFault), state.hook.phase("read"):
                reading = read_until_settled(memory, layout, latest.plan, latest)
        if reading is None:
            last = latest.plan if latest else None
            with state.hook.phase("plan"):
                plan = make_plan(memory, layout, state.address, request, last)
            with state.hook.phase("read"):
                reading = read_until_settled(memory, layout, plan)
        return match_members(memory, layout, reading)._replace(tries=number)

    return retry_reading(
        attempt,
        patient=True,
        advice="its threads or classes come and go too fast; try again, or read it stopped",
    )


def _may_reuse(latest: Reading, request: Request) -> bool:
    """Whether the plan of the reading before can be used again: no change of it is known."""
    plan = latest.plan
    return latest.members is plan.members and plan.request == request and plan.epoch is not None


def read_until_settled(
    memory: RepeatableMemory, layout: Layout, plan: Plan, before: Reading | None = None
) -> Reading:
    """Read a plan until its members agree in two passes, or the request's tries are used up.

    ``before`` is an earlier reading of this plan.  If no contribution was merged and no
    object came or went since, it is used as the first pass.

    Raises :class:`~inspector.reader.retries.OutdatedPlan` when the plan no longer holds.
    """
    first = read_plan(memory, layout, plan) if before is None else before
    latest = read_plan(memory, layout, plan, first)
    if before is not None and not _has_same_objects(before, latest):
        raise OutdatedPlan
    quiet = first.quiet and latest.quiet
    latest = latest._replace(merging=not quiet or first.merges != latest.merges)
    moving = _find_moving(first, latest, quiet=quiet)
    return _read_moving_again(memory, layout, latest, moving) if moving else latest


def _has_same_objects(before: Reading, now: Reading) -> bool:
    """Whether two readings of a plan have the same objects, and nothing was merged in between."""
    plan = now.plan
    return (
        before.quiet
        and now.quiet
        and before.merges == now.merges
        and now.collector.collections == plan.epoch
        and (now.table is plan.table or now.table == plan.table)
    )


def _find_moving(first: Reading, latest: Reading, *, quiet: bool) -> list[int]:
    """Return the members whose words differ in two passes, or may have been half merged."""
    indices = find_moved_slots(first.arrays, latest.arrays)
    if not quiet:
        indices |= find_counting_slots(latest.arrays)
    moving = set(latest.plan.find_places(indices))
    if first.structures != latest.structures:
        pairs = zip(first.structures, latest.structures, strict=True)
        for place, (before, now) in enumerate(pairs):
            if before is not now and before[:HEADER_SIZE] != now[:HEADER_SIZE]:
                moving.add(place)
    return sorted(moving)


class _Sample(NamedTuple):
    """Some members in one pass."""

    quiet: bool
    merges: tuple[int | None, int | None]
    headers: dict[int, bytes]
    """Place -> header; empty if it could not be read."""
    contributions: dict[int, dict[int, int]]
    """Place -> native thread id -> count, without the zeros."""

    def count_references(self, place: int) -> int | None:
        """Return the references to one member; None if unknown."""
        header = self.headers[place]
        return count_references(header, self.contributions[place]) if header else None


def _read_moving_again(
    memory: RepeatableMemory, layout: Layout, latest: Reading, moving: list[int]
) -> Reading:
    """Read changing members until two passes agree; ``latest`` is the first of these passes."""
    plan = latest.plan
    structures = list(latest.structures)
    before = _sample_members(latest, moving)
    counts = {place: [before.count_references(place)] for place in moving}
    contributions = dict(before.contributions)
    merging = latest.merging
    for _ in range(plan.request.retries):
        if not moving:
            break
        now = _sample_members(_read_members(memory, layout, latest, moving), moving)
        merging |= not now.quiet or now.merges != latest.merges
        still_moving = []
        for place in moving:
            counts[place].append(now.count_references(place))
            words = now.headers[place]
            # An object that cannot be read any more is gone.
            structures[place] = words and words + structures[place][len(words) :]
            contributions[place] = mine = now.contributions[place]
            agree = words == before.headers[place] and mine == before.contributions[place]
            # An object without a contribution cannot be half merged.
            if not agree or (mine and not (before.quiet and now.quiet)):
                still_moving.append(place)
        moving, before = still_moving, now
    bounds: dict[int, Bounds] = {}
    reread: dict[int, dict[int, int]] = {}
    unsettled = set(moving)
    for place, mine in contributions.items():
        unique_id, address, _ = plan.members[place]
        if unique_id:
            reread[unique_id - 1] = mine
        if place in unsettled:
            seen = [number for number in counts[place] if number is not None]
            bounds[address] = (min(seen, default=0), max(seen, default=0))
    return latest._replace(structures=structures, reread=reread, bounds=bounds, merging=merging)


def _read_members(
    memory: RepeatableMemory, layout: Layout, latest: Reading, places: list[int]
) -> Reading:
    """Read some members: alone, or with all others if they have too many slots."""
    plan = latest.plan
    if len(places) * len(plan.threads) <= MAX_SINGLE_SLOTS:
        plan = plan_slots(plan, places)
    return read_plan(memory, layout, plan, latest)


def _sample_members(reading: Reading, places: list[int]) -> _Sample:
    """Return some members, from a reading of all members or of only these."""
    plan = reading.plan
    headers: dict[int, bytes] = {}
    contributions: dict[int, dict[int, int]] = {}
    by_index: dict[int, dict[int, int]] = {}
    for number, place in enumerate(places):
        at = place if plan.slots is None else number
        unique_id, _, _ = plan.members[at]
        headers[place] = reading.structures[at][:HEADER_SIZE]
        contributions[place] = {}
        if unique_id:
            by_index[unique_id - 1] = contributions[place]
    for number, thread in enumerate(reading.threads):
        values = memoryview(reading.arrays[number]).cast("q")
        if plan.slots is None:
            counts = {}
            for index in by_index:
                if index < len(values):
                    counts[index] = values[index]
        else:
            counts = dict(zip(plan.slots[number], values, strict=True))
        for index, value in counts.items():
            if value:
                mine = by_index[index]
                mine[thread.native_id] = mine.get(thread.native_id, 0) + value
    return _Sample(reading.quiet, reading.merges, headers, contributions)
