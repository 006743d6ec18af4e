"""Readings of an interpreter that runs on: what two passes agree on is true.

Words that are the same in two passes were the same at the moment between the
passes, all of them, so that their sum is the count of that moment.  What differs
is read again, on its own and hence faster, until it agrees or the tries are used
up; then the smallest and the largest sum that was seen are its bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inspector.census.reading import Plan, Reading, read, slots_only
from inspector.census.rows import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.rows import Bounds
    from inspector.cpython.layout import Layout
    from inspector.process.memory import Memory

__all__ = ["Settled", "settle"]

LOCKED = 1
"""``_Py_LOCKED`` of the pool's mutex: a thread that ends may be merging its counts."""


class Settled(NamedTuple):
    """A reading, and per member None where it is settled, else its observed bounds."""

    reading: Reading
    bounds: list[Bounds | None]
    passes: int


def settle(memory: Memory, layout: Layout, plan: Plan, tries: int) -> Settled:
    """Read a plan until its members agree in two passes, at most ``tries`` times more.

    Raises :class:`~inspector.census.reading.Moved` when the plan itself is outdated.
    """
    first = read(memory, layout, plan)
    latest = read(memory, layout, plan)
    structures = list(latest.structures)
    contributions = dict(latest.contributions)
    open_: list[int] = []
    seen: dict[int, list[int]] = {}
    quiet = is_quiet(first) and is_quiet(latest)
    for number in range(len(plan.members)):
        pair = (_words(first, number), _words(latest, number))
        if not quiet or pair[0] != pair[1]:
            open_.append(number)
            seen[number] = [sum_ for each in pair if (sum_ := _sum(*each)) is not None]
    passes = 2
    before = {number: _words(latest, number) for number in open_}
    while open_ and passes < 2 + tries:
        part = read(memory, layout, slots_only(plan, open_))
        passes += 1
        rest = []
        for place, number in enumerate(open_):
            now = _words(part, place)
            if (count := _sum(*now)) is not None:
                seen[number].append(count)
            structures[number] = now[0] + structures[number][len(now[0]) :]
            contributions[plan.members[number][0] - 1] = dict(now[1])
            if not is_quiet(part) or not quiet or now != before[number]:
                rest.append(number)
                before[number] = now
        quiet = is_quiet(part)
        open_ = rest
    bounds: list[Bounds | None] = [None] * len(plan.members)
    for number in open_:
        counts = seen[number] or [0]
        bounds[number] = (min(counts), max(counts))
    merged = latest._replace(structures=structures, contributions=contributions)
    return Settled(merged, bounds, passes)


def is_quiet(reading: Reading) -> bool:
    """Whether no merge of contributions can have been under way.

    The collector merges while ``collecting`` is set, a thread that ends while it
    holds the pool's mutex; in between a count stands in both places.
    """
    return not reading.collector.collecting and not reading.mutex & LOCKED


def _words(reading: Reading, number: int) -> tuple[bytes, Mapping[int, int]]:
    """Return the words of one member that make up its count."""
    index = reading.plan.members[number][0] - 1
    return reading.structures[number][:32], reading.contributions.get(index, {})


def _sum(words: bytes, contributions: Mapping[int, int]) -> int | None:
    """Return the count of one pass, None where there is none."""
    return counted(words, contributions) if words else None
