"""One reading of one interpreter: plan, read, check, try again within bounds."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.census.halves import halve, joined
from inspector.census.kinds import classify
from inspector.census.plan import Moved, Plan, Scope, plan
from inspector.census.reading import Reading, Seen, understand
from inspector.census.rows import holds_id
from inspector.census.settle import Settled, is_quiet, settle
from inspector.census.stacks import Moving, Shifted, count_stacks, plan_stacks
from inspector.errors import LayoutError, MemoryFault, Unsettled

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.census.reading import Bounds
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory, StandingMemory, StillMemory

__all__ = ["Request", "give_way", "observe_running", "observe_still"]

TRIES: Final = 24
"""Readings that may fail because the target moved, before that is an error."""


PLANNED_BEFORE: Final = 3
"""Of these, the first that stop another process only once all is planned."""

FIRST_WAIT, LONGEST_WAIT = 0.0002, 0.1
"""Seconds between two tries."""


class Request(NamedTuple):
    """What is to be read."""

    memory: StandingMemory
    """For all that needs no single instant."""
    layout: Layout
    interpreter: int
    """Address of the ``PyInterpreterState``."""
    scope: Scope
    last: Seen | None
    """The reading before."""
    moving: Moving
    """Threads whose stacks did not hold still before."""

    @property
    def last_plan(self) -> Plan | None:
        """The plan of the reading before."""
        return self.last.planned if self.last else None

    @property
    def standing(self) -> Reading | None:
        """The reading before, if its plan may do once more: nothing was seen to change it."""
        last = self.last
        if last is None or last.reading.plan is not last.planned:
            return None
        planned = last.planned
        same = planned.scope == self.scope and planned.epoch is not None
        return last.reading if same else None


def observe_still(request: Request, still: StillMemory, *, own: bool) -> Seen:
    """Read an interpreter through ``still``, with its stacks, all at one instant.

    In the own process no thread can be stopped in the middle of a merge; another
    process can (``own`` False), and is then read again.
    """
    memory, layout, moving = request.memory, request.layout, request.moving

    def attempt(number: int) -> Seen:
        with nullcontext() if number <= PLANNED_BEFORE else still.hold():
            planned = plan(memory, layout, request.interpreter, request.scope, request.last_plan)
            look = plan_stacks(memory, layout, planned.threads, moving)
            # What takes longer until the pause is sooner overtaken: it is done once.
            prepared = number == 1 and not request.scope.only
            halves = None
            if prepared and own and planned.epoch is not None:
                if planned.halves is None:
                    planned = planned._replace(halves=halve(planned))
                halves = planned.halves
            instant, before = halves or (planned.ranges, [])
            bodies = still.ready(instant, before) if prepared else []
            pieces, stack_pieces, hops = still.read_all(instant, look.ranges, look.chains)
        reading = understand(memory, layout, planned, joined(pieces, bodies))
        if halves and not _one_whole(layout, reading, request.last_plan):
            raise Moved
        if not own and not is_quiet(reading):
            raise Moved
        try:
            stacks = count_stacks(layout, reading.threads, look, stack_pieces, hops, own=own)
        except Shifted as shifted:
            moving.note(shifted.threads, shifted.slots)
            if number < TRIES // 2:
                raise Moved from None
            stacks = None
        reading = _existing(memory, layout, reading)
        bounds: list[Bounds | None] = [None] * len(reading.structures)
        here, merging = request.interpreter, not is_quiet(reading)
        return Seen(here, planned, reading, {}, bounds, stacks, True, number, merging)  # noqa: FBT003 - a tuple's field

    return _retry(attempt, patient=not own)


def _one_whole(layout: Layout, reading: Reading, last: Plan | None) -> bool:
    """Whether halves are of the same objects: none can have died, and none was half made."""
    planned = reading.plan
    if reading.collector.collections != planned.epoch:
        return False
    if last is not None and last.halves is planned.halves:
        return True  # the same objects as before
    pairs = zip(planned.members, reading.structures, strict=True)
    return all(holds_id(layout, member, words) for member, words in pairs)


def observe_running(request: Request, *, retries: int) -> Seen:
    """Read an interpreter that runs on, in passes that must agree."""
    memory, layout = request.memory, request.layout

    def attempt(number: int) -> Seen:
        standing = request.standing if number == 1 else None
        if standing is not None:
            with suppress(Moved, MemoryFault):
                return seen(settle(memory, layout, standing.plan, retries, standing), number)
        planned = plan(memory, layout, request.interpreter, request.scope, request.last_plan)
        return seen(settle(memory, layout, planned, retries), number)

    def seen(settled: Settled, number: int) -> Seen:
        read, again, bounds, merging = settled
        planned = read.plan
        reading = _existing(memory, layout, read)
        if reading is not read:
            there = dict(zip(planned.members, bounds, strict=True))
            bounds = [there.get(member) for member in reading.plan.members]
        here = request.interpreter
        return Seen(here, planned, reading, again, bounds, None, False, number, merging)  # noqa: FBT003 - a tuple's field

    return _retry(attempt, patient=True)


def _existing(memory: Memory, layout: Layout, reading: Reading) -> Reading:
    """Leave out objects that died before they were read; add those born since, unread."""
    planned, now = reading.plan, reading.table.members
    if now is planned.table.members or now == planned.table.members:
        return reading
    alive = [
        not unique_id or now.get(unique_id - 1) == address
        for unique_id, address, _ in planned.members
    ]
    before = planned.table.members
    born = {index: at for index, at in now.items() if before.get(index) != at}
    found = {} if planned.scope.only else classify(memory, layout, born)
    fresh = [(i + 1, at, kind) for (i, at), kind in found.items() if kind in planned.scope.kinds]
    return reading._replace(
        plan=planned._replace(members=[*compress(planned.members, alive), *fresh]),
        structures=[*compress(reading.structures, alive), *[b""] * len(fresh)],
    )


def give_way(number: int) -> None:
    """Let the target get on before try ``number + 1``: longer each time."""
    time.sleep(min(FIRST_WAIT * 2**number, LONGEST_WAIT))


def _retry(attempt: Callable[[int], Seen], *, patient: bool) -> Seen:
    """Try until the target holds still long enough; ``patient`` waits a little in between."""
    failure: Exception | None = None
    try:
        for number in range(1, TRIES + 1):
            try:
                return attempt(number)
            except (Moved, MemoryFault, LayoutError) as moved:
                failure = moved
            if patient:
                # A collection takes milliseconds to seconds, and all readings fail in it.
                give_way(number)
        if isinstance(failure, LayoutError):
            raise failure
    finally:
        # It holds the frames that it came through, this one and its callers' among them:
        # a cycle that would keep what they refer to until the next collection.
        del failure
    raise Unsettled(
        f"the target did not hold still in {TRIES} readings",
        tries=TRIES,
        hint="its threads or classes come and go too fast; try again, or read it stopped",
    )
