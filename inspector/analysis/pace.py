"""How fast two processes grow, whatever their age: rates over two recordings; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inspector.analysis.change import find_changes

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["PaceChange", "Stretch", "compare_paces"]


class Stretch(NamedTuple):
    """Two readings of one process."""

    first: Snapshot
    last: Snapshot

    @property
    def seconds(self) -> float:
        """Seconds between both."""
        return (self.last.taken_ns - self.first.taken_ns) / 1e9


class Pace(NamedTuple):
    """How fast the objects of one name grow; None where that is not counted."""

    references: float | None
    """More per second."""
    instances: float | None


class PaceChange(NamedTuple):
    """How much faster or slower the objects of one name grow in another process."""

    name: str
    kind: str
    before: float | None
    """References more per second, in the first process; None where they are not counted."""
    after: float | None
    """Likewise in the second one."""
    instances_before: float | None
    instances_after: float | None

    @property
    def change(self) -> float | None:
        """References per second more than before."""
        return _subtract_known(self.after, self.before)

    @property
    def instances_change(self) -> float | None:
        """Instances per second more than before."""
        return _subtract_known(self.instances_after, self.instances_before)

    @property
    def magnitude(self) -> float:
        """By how much either changed, the larger of both."""
        return max(abs(self.change or 0.0), abs(self.instances_change or 0.0))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self._asdict(),
            "change": self.change,
            "instances_change": self.instances_change,
        }


def compare_paces(before: Stretch, after: Stretch) -> list[PaceChange]:
    """Return what grows faster or slower than before, the largest difference first."""
    old, new = _sum_rates(before), _sum_rates(after)
    found = []
    for key in old.keys() | new.keys():
        was = old.get(key) or _rest(before, new[key])
        now = new.get(key) or _rest(after, old[key])
        kind, name = key
        pace = PaceChange(name, kind, was.references, now.references, was.instances, now.instances)
        found.append(pace)
    changed = [pace for pace in found if pace.magnitude]
    changed.sort(key=lambda pace: pace.name)
    changed.sort(key=lambda pace: -pace.magnitude)
    return changed


def _rest(stretch: Stretch, elsewhere: Pace) -> Pace:
    """Return the pace of a name that did not change here, but elsewhere."""
    counted = elsewhere.references is not None
    has_heap = stretch.first.heap is not None and stretch.last.heap is not None
    return Pace(0.0 if counted else None, 0.0 if has_heap else None)


def _sum_rates(stretch: Stretch) -> dict[tuple[str, str], Pace]:
    """Return (kind, name) -> references and instances more per second."""
    rates: dict[tuple[str, str], Pace] = {}
    for change in find_changes(stretch.first, stretch.last):
        references, instances = rates.get((change.kind, change.name), (None, None))
        rates[change.kind, change.name] = Pace(
            _add_known(references, change.growth_per_second),
            _add_known(instances, change.instances_per_second),
        )
    return rates


def _add_known(one: float | None, other: float | None) -> float | None:
    """Return a sum of what is known; None if nothing is."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _subtract_known(one: float | None, other: float | None) -> float | None:
    """Return a difference; None where either number is not known."""
    return None if one is None or other is None else one - other
