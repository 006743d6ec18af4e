"""Readings of an interpreter and its stacks at one instant, while it is stopped."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from inspector.cpython.refcount import HEADER_SIZE
from inspector.reader.kinds import holds_id
from inspector.reader.plan import split_plan
from inspector.reader.planner import make_plan
from inspector.reader.reading import Reading, decode_reading, match_members
from inspector.reader.retries import MAX_TRIES, OutdatedPlan, retry_reading
from inspector.reader.stacks import StacksChanged, count_stacks, plan_stacks

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import StillMemory
    from inspector.process.vectors import Range
    from inspector.reader.interpreter_state import InterpreterState
    from inspector.reader.plan import Plan, Request

__all__ = ["read_still"]

UNPAUSED_TRIES: Final = 3
"""First tries that plan before they stop another process; later ones plan in the pause."""


def read_still(
    state: InterpreterState, request: Request, still: StillMemory, *, own: bool
) -> Reading:
    """Read an interpreter while ``still`` keeps its threads stopped.

    Another process (``own`` False) can be stopped in the middle of a merge, and is then read
    again.  In the own process threads stop between two instructions.

    Raises what :func:`~inspector.reader.retries.retry_reading` raises.
    """

    def attempt(number: int) -> Reading:
        with nullcontext() if number <= UNPAUSED_TRIES else still.hold():
            return _read_once(state, request, still, number, own=own)

    return retry_reading(
        attempt,
        patient=not own,
        advice="its threads or classes come and go too fast; try again, or read it stopped",
    )


def _read_once(
    state: InterpreterState, request: Request, still: StillMemory, number: int, *, own: bool
) -> Reading:
    """Plan and read once; raise :class:`OutdatedPlan` if the plan did not hold until the pause."""
    memory, layout = state.memory, state.layout
    last = state.latest.plan if state.latest else None
    with state.hook.phase("plan"):
        plan = make_plan(memory, layout, state.address, request, last)
    with state.hook.phase("stacks"):
        stack_plan = plan_stacks(memory, layout, plan.threads, state.followed)
    # Reading structures before the pause takes time in which the plan can become outdated, so
    # only the first try does it.
    prepared = number == 1 and not request.only
    instant: list[Range] = plan.ranges
    before: list[Range] = []
    if prepared and own and plan.epoch is not None:
        instant, before = split = plan.split or split_plan(plan)
        plan = plan._replace(split=split) if plan.split is None else plan
    with state.hook.phase("read"):
        structures = still.prepare(instant, before) if prepared else []
        pieces, stack_pieces, hops = still.read_all(instant, stack_plan.ranges, stack_plan.chains)
        if before:
            pieces = _join_structures(pieces, structures)
        reading = decode_reading(layout, plan, pieces)
    if before and not _holds_same_objects(layout, reading, last):
        raise OutdatedPlan
    if not own and not reading.quiet:
        raise OutdatedPlan
    try:
        with state.hook.phase("stacks"):
            stacks = count_stacks(layout, reading.threads, stack_plan, stack_pieces, hops, own=own)
    except StacksChanged as changed:
        state.followed.add(changed.threads, changed.slots)
        if number < MAX_TRIES // 2:
            raise OutdatedPlan from None
        stacks = None
    return match_members(memory, layout, reading)._replace(
        stacks=stacks, exact=True, tries=number, merging=not reading.quiet
    )


def _join_structures(instant: list[bytes | None], before: list[bytes | None]) -> list[bytes | None]:
    """Return the bytes of a plan's ranges, given those of its two parts.

    Keeps the bytes object of ``before`` if the header did not change since: it is compared by
    identity later.
    """
    first = len(instant) - len(before)
    joined = instant[:first]
    for header, words in zip(instant[first:], before, strict=True):
        if header is None or words is None:
            joined.append(None)
        elif words.startswith(header):
            joined.append(words)
        else:
            joined.append(header + words[HEADER_SIZE:])
    return joined


def _holds_same_objects(layout: Layout, reading: Reading, last: Plan | None) -> bool:
    """Whether both parts are of the same objects: none died or was created in between."""
    plan = reading.plan
    if reading.collector.collections != plan.epoch:
        return False
    if last is not None and last.split is plan.split:
        return True  # the reading before has checked them
    for member, words in zip(plan.members, reading.structures, strict=True):
        if not holds_id(layout, member, words):
            return False
    return True
