"""Paths from roots to objects, given a function that answers who refers to what.

Objects that are held alike are followed together: ten thousand instances in one cache are one
path.  The search goes from the objects up, one step for all of them at a time, and so finds
the shortest paths first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.snapshots.holders import Holder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from inspector.snapshots.holders import Referrer

    Find = Callable[[Collection[int]], Mapping[int, list[Referrer]]]

__all__ = ["find_paths"]

DOUBTFUL: Final = ("C stack", "registers", "other memory")
"""Roots whose words may be left from before: they come last, and end no search."""

MOST_STEPS: Final = 24
MOST_VISITS: Final = 3
"""Steps at which one holder is followed: it may hold objects in several ways, or in a circle."""
MOST_GROUPS: Final = 64
"""Groups that are followed at a time, those of the most objects."""
MOST_NODES: Final = 1 << 18
"""Holders of one group that are followed."""
ENOUGH: Final = 0.95
"""Share of the objects to which a path was found that ends the search after the next step."""


class _Group(NamedTuple):
    """Objects that are held alike, and what leads from them to the subjects."""

    steps: tuple[str, ...]
    """The one next to the group first."""
    type: str
    """Of what holds the subjects themselves; empty for the subjects."""
    nodes: dict[int, frozenset[int]]
    """Address -> the subjects that it leads to."""


def find_paths(subjects: Collection[int], find_referrers: Find) -> tuple[list[Holder], set[int]]:
    """Return the holders of objects, those of most first, and the objects without a path.

    ``find_referrers`` returns those of each of some objects.
    """
    groups = [_Group((), "", {subject: frozenset((subject,)) for subject in subjects})]
    visits: Counter[int] = Counter(subjects)
    found: dict[tuple[str, str, bool], set[int]] = {}
    held: set[int] = set()
    for _ in range(MOST_STEPS):
        frontier = {node for group in groups for node in group.nodes}
        referrers = find_referrers(frontier)
        following: dict[tuple[tuple[str, ...], str], dict[int, list[frozenset[int]]]] = {}
        exact: dict[tuple[tuple[str, ...], str], set[tuple[str, ...]]] = {}
        reached: set[int] = set()
        for group in groups:
            for node, objects in group.nodes.items():
                for each in referrers.get(node, ()):
                    steps = (each.step, *group.steps)
                    kind = group.type or each.type
                    if each.root:
                        path = each.root + "".join(filter(None, steps))
                        doubtful = each.type in DOUBTFUL
                        found.setdefault((path, kind, doubtful), set()).update(objects)
                        if not doubtful:
                            held |= objects
                        continue
                    if visits[each.address] >= MOST_VISITS:
                        continue
                    nodes = following.setdefault((steps, kind), {})
                    nodes.setdefault(each.address, []).append(objects)
                    exact.setdefault((steps, kind), set()).add((each.exact, *group.steps))
                    reached.add(each.address)
        if not following or len(held) >= ENOUGH * len(subjects):
            break
        visits.update(reached)
        groups = _choose_groups(following, exact)
    if len(held) == len(subjects):
        # What is left on a stack explains nothing more.
        found = {key: objects for key, objects in found.items() if not key[2]}
    order = sorted(found, key=lambda key: (key[2], -len(found[key]), len(key[0]), key[0]))
    holders = [Holder(key[0], key[1], len(found[key])) for key in order]
    return holders, set(subjects) - held


def _choose_groups(
    following: Mapping[tuple[tuple[str, ...], str], dict[int, list[frozenset[int]]]],
    exact: Mapping[tuple[tuple[str, ...], str], set[tuple[str, ...]]],
) -> list[_Group]:
    """Return the groups that lead to most objects; the only member of one is named exactly."""
    groups = []
    for (steps, kind), nodes in following.items():
        ways = exact[steps, kind]
        shown = next(iter(ways)) if len(ways) == 1 else steps
        merged = {
            node: several[0] if len(several) == 1 else frozenset().union(*several)
            for node, several in nodes.items()
        }
        chosen = sorted(merged, key=lambda node: -len(merged[node]))[:MOST_NODES]
        groups.append(_Group(shown, kind, {node: merged[node] for node in chosen}))
    groups.sort(key=lambda group: -len(frozenset().union(*group.nodes.values())))
    return groups[:MOST_GROUPS]
