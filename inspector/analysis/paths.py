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

MOST_STEPS: Final = 24
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
    nodes: dict[int, int]
    """Address -> how many of the subjects it leads to."""


def find_paths(subjects: Collection[int], find_referrers: Find) -> tuple[list[Holder], set[int]]:
    """Return the holders of objects, those of most first, and the objects without a path.

    ``find_referrers`` returns those of each of some objects.
    """
    groups = [_Group((), "", dict.fromkeys(subjects, 1))]
    seen: set[int] = set(subjects)
    found: Counter[tuple[str, str]] = Counter()
    parents: dict[int, list[int]] = {}
    rooted: set[int] = set()
    for _ in range(MOST_STEPS):
        frontier = {node for group in groups for node in group.nodes}
        referrers = find_referrers(frontier)
        following: dict[tuple[tuple[str, ...], str], dict[int, int]] = {}
        exact: dict[tuple[tuple[str, ...], str], set[tuple[str, ...]]] = {}
        reached: set[int] = set()
        for group in groups:
            for node, objects in group.nodes.items():
                for each in referrers.get(node, ()):
                    steps = (each.step, *group.steps)
                    kind = group.type or each.type
                    if each.root:
                        path = each.root + "".join(filter(None, steps))
                        found[path, kind] += objects
                        rooted.add(node)
                        continue
                    if each.address in seen:
                        continue
                    nodes = following.setdefault((steps, kind), {})
                    nodes[each.address] = nodes.get(each.address, 0) + objects
                    exact.setdefault((steps, kind), set()).add((each.exact, *group.steps))
                    parents.setdefault(each.address, []).append(node)
                    reached.add(each.address)
        if not following or len(_held_by(rooted, parents).intersection(subjects)) >= ENOUGH * len(
            subjects
        ):
            break
        seen |= reached
        groups = _choose_groups(following, exact)
    held = _held_by(rooted, parents)
    holders = [Holder(path, kind, number) for (path, kind), number in found.items()]
    holders.sort(key=lambda each: (-each.objects, len(each.path), each.path))
    return holders, set(subjects) - held


def _choose_groups(
    following: Mapping[tuple[tuple[str, ...], str], dict[int, int]],
    exact: Mapping[tuple[tuple[str, ...], str], set[tuple[str, ...]]],
) -> list[_Group]:
    """Return the groups that lead to most objects; the only member of one is named exactly."""
    groups = []
    for (steps, kind), nodes in following.items():
        ways = exact[steps, kind]
        shown = next(iter(ways)) if len(ways) == 1 else steps
        chosen = sorted(nodes, key=lambda node: -nodes[node])[:MOST_NODES]
        groups.append(_Group(shown, kind, {node: nodes[node] for node in chosen}))
    groups.sort(key=lambda group: -sum(group.nodes.values()))
    return groups[:MOST_GROUPS]


def _held_by(nodes: Collection[int], parents: Mapping[int, list[int]]) -> set[int]:
    """Return what some nodes lead to, given what each of them was found to hold."""
    found = set(nodes)
    waiting = list(nodes)
    while waiting:
        for node in parents.get(waiting.pop(), ()):
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found
