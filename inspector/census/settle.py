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
from inspector.cpython.pool import LOCKED
from inspector.cpython.refcount import HEADER_SIZE
from inspector.cpython.words import signed
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.census.plan import Member
    from inspector.census.reading import Bounds
    from inspector.cpython.layout import Layout
    from inspector.cpython.walk import Thread
    from inspector.process.protocols import StandingMemory

__all__ = ["Settled", "is_quiet", "settle"]


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
    merging = not quiet or merge_counts(first) != merge_counts(latest)
    open_ = _moving(first, latest, quiet=quiet)
    if not open_:
        return Settled(latest, {}, [None] * len(plan.members), merging)
    settled = _follow(memory, layout, latest, open_, tries)
    return settled._replace(merging=settled.merging or merging)


def _follow(
    memory: StandingMemory, layout: Layout, latest: Reading, open_: list[int], tries: int
) -> Settled:
    """Read members that moved until two passes agree, of which ``latest`` may be one."""
    plan = latest.plan
    structures = list(latest.structures)
    part = _part_of(latest, open_)
    earlier = dict(zip(open_, part.counts, strict=True))
    contributions = {plan.members[number][0] - 1: earlier[number][1] for number in open_}
    seen = {
        number: {counted(*earlier[number])} if earlier[number][0] else set() for number in open_
    }
    merging = False
    for _ in range(tries):
        if not open_:
            break
        calm_before = part.calm
        part = _read_again(memory, layout, latest, open_)
        calm = calm_before and part.calm
        merging |= not part.calm or part.merges != merge_counts(latest)
        rest = []
        for number, (words, mine) in zip(open_, part.counts, strict=True):
            if words:
                seen[number].add(counted(words, mine))
            # What cannot be read any more is gone, whatever was there before.
            structures[number] = words and words + structures[number][len(words) :]
            contributions[plan.members[number][0] - 1] = mine
            # Without a contribution nothing can be half merged.
            if earlier[number] != (words, mine) or (mine and not calm):
                rest.append(number)
            earlier[number] = (words, mine)
        open_ = rest
    bounds: list[Bounds | None] = [None] * len(plan.members)
    for number in open_:
        sums = [each for each in seen[number] if each is not None]
        bounds[number] = (min(sums, default=0), max(sums, default=0))
    return Settled(latest._replace(structures=structures), contributions, bounds, merging)


def _goes_on(before: Reading, now: Reading) -> bool:
    """Whether nothing was merged between two readings of one plan, and its objects are there."""
    return (
        is_quiet(before)
        and is_quiet(now)
        and merge_counts(before) == merge_counts(now)
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
    found.update(latest.plan.places(arrays))
    return sorted(found)


class _Part(NamedTuple):
    """Some members as one reading has them."""

    calm: bool
    """No merge was under way."""
    merges: tuple[int | None, int | None]
    counts: list[tuple[bytes, dict[int, int]]]
    """Per member its header, and native thread id -> contribution."""


def _read_again(
    memory: StandingMemory, layout: Layout, latest: Reading, numbers: list[int]
) -> _Part:
    """Read some members: on their own, or with all others where those are few."""
    plan = latest.plan
    if len(numbers) * len(plan.threads) > SINGLY:
        return _part_of(read(memory, layout, plan, latest), numbers)
    part = _slots_only(plan, numbers)
    reading = read(memory, layout, part, latest)
    return _part(reading, reading.structures, part.members, part.slots or [])


def _part_of(whole: Reading, numbers: list[int]) -> _Part:
    """Return some members as a whole reading has them."""
    members = [whole.plan.members[number] for number in numbers]
    headers = [whole.structures[number][:HEADER_SIZE] for number in numbers]
    if len(numbers) * len(whole.threads) > SINGLY:
        return _part(whole, headers, members, [range(len(each) // WORD) for each in whole.arrays])
    slots = _slots(whole.threads, members)
    arrays = [
        b"".join(data[WORD * index : WORD * (index + 1)] for index in indices)
        for data, indices in zip(whole.arrays, slots, strict=True)
    ]
    return _part(whole._replace(arrays=arrays), headers, members, slots)


def _part(
    reading: Reading, headers: list[bytes], members: list[Member], slots: Sequence[Sequence[int]]
) -> _Part:
    """Return members by their headers, and by the slots that the arrays of a reading are of."""
    counts = _by_slot(reading, slots)
    mine = [counts.get(unique_id - 1, {}) for unique_id, _, _ in members]
    return _Part(is_quiet(reading), merge_counts(reading), list(zip(headers, mine, strict=True)))


SINGLY: Final = 2048
"""Slots that are sooner read one by one than with all the others."""


def _by_slot(reading: Reading, slots: Sequence[Sequence[int]]) -> dict[int, dict[int, int]]:
    """Return pool index -> native thread id -> count, given the indices read per thread."""
    found: dict[int, dict[int, int]] = {}
    for thread, data, indices in zip(reading.threads, reading.arrays, slots, strict=True):
        values = signed(data)
        for index, value in zip(compress(indices, values), filter(None, values), strict=True):
            counts = found.setdefault(index, {})
            counts[thread.native_id] = counts.get(thread.native_id, 0) + value
    return found


def merge_counts(reading: Reading) -> tuple[int | None, int | None]:
    """Return what is not the same any more once contributions have moved into headers."""
    return reading.collector.collections, reading.started


def is_quiet(reading: Reading) -> bool:
    """Whether no merge of contributions can have been under way.

    The collector merges while ``collecting`` is set, a thread that ends while it
    holds the pool's mutex; in between a count stands in both places.
    """
    return not reading.collector.collecting and not reading.mutex & LOCKED


def _slots(threads: Sequence[Thread], members: list[Member]) -> list[list[int]]:
    """Return, per thread, the indices of its array that count some members."""
    ids = sorted({unique_id - 1 for unique_id, _, _ in members if unique_id})
    return [[index for index in ids if index < thread.size] for thread in threads]


def _slots_only(whole: Plan, numbers: list[int]) -> Plan:
    """Return a plan for some of the members that reads only their slots of the arrays."""
    members = [whole.members[number] for number in numbers]
    first = FIXED + 2 * len(whole.threads)
    objects = first + len(whole.threads)
    slots = _slots(whole.threads, members)
    ranges = whole.ranges[:first]
    for thread, indices in zip(whole.threads, slots, strict=True):
        ranges += [(thread.values + 8 * index, 8) for index in indices]
    ranges += [(whole.ranges[objects + number][0], HEADER_SIZE) for number in numbers]
    return whole._replace(members=members, ranges=ranges, slots=slots)
