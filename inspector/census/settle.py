"""Readings of an interpreter that runs on: what two passes agree on is true.

Words that are the same in two passes were the same at the moment between the
passes, all of them, so that their sum is the count of that moment.  What differs
is read again, on its own and hence faster, until it agrees or the tries are used
up; then the smallest and the largest sum that was seen are its bounds.
"""

from __future__ import annotations

from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.census.contributions import counting, moved
from inspector.census.plan import FIXED, Moved, Plan
from inspector.census.reading import Reading, read
from inspector.census.rows import counted
from inspector.cpython.refcount import HEADER_SIZE
from inspector.cpython.walk import LOCKED
from inspector.cpython.words import signed
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from inspector.census.rows import Bounds
    from inspector.cpython.layout import Layout
    from inspector.process.memory import StandingMemory

__all__ = ["Settled", "settle"]


class Settled(NamedTuple):
    """A reading, and what is to be known of members that two passes disagreed on."""

    reading: Reading
    """The latest pass, with the words of each member as they settled."""
    contributions: dict[int, dict[int, int]]
    """Pool index -> native thread id -> count, of the members that were read again."""
    bounds: list[Bounds | None]
    """Per member None where it is settled, else the counts that were seen."""
    merging: bool
    """Contributions may have moved into headers between the first pass and the last."""


def settle(
    memory: StandingMemory, layout: Layout, plan: Plan, tries: int, before: Reading | None = None
) -> Settled:
    """Read a plan until its members agree in two passes, at most ``tries`` times more.

    ``before`` is an earlier reading of this plan.  Where no contribution was merged since
    and no object came or went, it is as good as a first pass: what reads as it did then
    was the same at every moment in between.

    Raises :class:`~inspector.census.plan.Moved` when the plan itself is outdated.
    """
    first = read(memory, layout, plan) if before is None else before
    latest = read(memory, layout, plan, first)
    if before is not None and not _goes_on(before, latest):
        raise Moved
    quiet = is_quiet(first) and is_quiet(latest)
    last = merges(latest)
    merging = not quiet or merges(first) != last
    open_ = _moving(first, latest, quiet=quiet)
    structures = list(latest.structures)
    contributions: dict[int, dict[int, int]] = {}
    seen: dict[int, set[int]] = {number: set() for number in open_}
    earlier: dict[int, object] = {}
    calm = False
    for _ in range(tries + 1):
        if not open_:
            break
        part = _read_again(memory, layout, plan, open_)
        calm_before, calm = calm, part.calm
        merging |= not part.calm or part.merges != last
        rest = []
        for number, words, mine in zip(open_, part.headers, part.contributions, strict=True):
            if words and (sum_ := counted(words, mine)) is not None:
                seen[number].add(sum_)
            # What cannot be read any more is gone, whatever was there before.
            structures[number] = words and words + structures[number][len(words) :]
            contributions[plan.members[number][0] - 1] = mine
            alike = number in earlier and earlier[number] == (words, mine)
            # Without a contribution nothing can be half merged.
            if not (alike and ((calm_before and calm) or not mine)):
                rest.append(number)
            earlier[number] = (words, mine)
        open_ = rest
    bounds: list[Bounds | None] = [None] * len(plan.members)
    for number in open_:
        bounds[number] = (min(seen[number], default=0), max(seen[number], default=0))
    return Settled(latest._replace(structures=structures), contributions, bounds, merging)


def _goes_on(before: Reading, now: Reading) -> bool:
    """Whether nothing was merged between two readings of one plan, and its objects are there."""
    return (
        is_quiet(before)
        and is_quiet(now)
        and merges(before) == merges(now)
        and now.collector.collections == now.plan.epoch
        and now.table.members == now.plan.table.members
    )


def _moving(first: Reading, latest: Reading, *, quiet: bool) -> list[int]:
    """Return the members whose words differ between two passes, or were half merged."""
    arrays = moved(first.arrays, latest.arrays)
    if not quiet:
        arrays |= counting(latest.arrays)
    one, other = first.structures, latest.structures
    # Where nothing changed, two lists of the same objects are the same at once.
    differ = compress(range(len(other)), map(ne, one, other)) if one != other else ()
    found = {each for each in differ if one[each][:HEADER_SIZE] != other[each][:HEADER_SIZE]}
    if arrays:
        members = enumerate(latest.plan.members)
        found.update(number for number, member in members if member[0] - 1 in arrays)
    return sorted(found)


class _Part(NamedTuple):
    """Some members, read once more."""

    calm: bool
    """No merge was under way."""
    merges: tuple[int | None, int | None]
    headers: list[bytes]
    contributions: list[dict[int, int]]
    """Per member native thread id -> count."""


def _read_again(memory: StandingMemory, layout: Layout, plan: Plan, numbers: list[int]) -> _Part:
    """Read some members: on their own, or with all others where those are few."""
    if len(numbers) * len(plan.threads) > SINGLY:
        reading = read(memory, layout, plan)
        headers = [reading.structures[number][:HEADER_SIZE] for number in numbers]
        slots = [list(range(len(data) // WORD)) for data in reading.arrays]
    else:
        part = _slots_only(plan, numbers)
        reading = read(memory, layout, part)
        headers, slots = reading.structures, part.slots or []
    counts = _by_slot(reading, slots)
    mine = [counts.get(plan.members[number][0] - 1, {}) for number in numbers]
    return _Part(is_quiet(reading), merges(reading), headers, mine)


SINGLY: Final = 2048
"""Slots that are sooner read one by one than with all the others."""


def _by_slot(reading: Reading, slots: list[list[int]]) -> dict[int, dict[int, int]]:
    """Return pool index -> native thread id -> count, given the indices read per thread."""
    found: dict[int, dict[int, int]] = {}
    for thread, data, indices in zip(reading.threads, reading.arrays, slots, strict=True):
        values = signed(data)
        for index, value in zip(compress(indices, values), filter(None, values), strict=True):
            counts = found.setdefault(index, {})
            counts[thread.native_id] = counts.get(thread.native_id, 0) + value
    return found


def merges(reading: Reading) -> tuple[int | None, int | None]:
    """Return what is not the same any more once contributions have moved into headers."""
    return reading.collector.collections, reading.started


def is_quiet(reading: Reading) -> bool:
    """Whether no merge of contributions can have been under way.

    The collector merges while ``collecting`` is set, a thread that ends while it
    holds the pool's mutex; in between a count stands in both places.
    """
    return not reading.collector.collecting and not reading.mutex & LOCKED


def _slots_only(whole: Plan, numbers: list[int]) -> Plan:
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
