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


class PaceChange(NamedTuple):
    """How much faster or slower the objects of one name grow in another process."""

    name: str
    kind: str
    before: float
    """References more per second, in the first process."""
    after: float
    """Likewise in the second one."""
    instances_before: float
    instances_after: float

    @property
    def change(self) -> float:
        """References per second more than before."""
        return self.after - self.before

    @property
    def instances_change(self) -> float:
        """Instances per second more than before."""
        return self.instances_after - self.instances_before

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
        was, now = old.get(key, (0.0, 0.0)), new.get(key, (0.0, 0.0))
        kind, name = key
        found.append(PaceChange(name, kind, was[0], now[0], was[1], now[1]))
    changed = [pace for pace in found if pace.change or pace.instances_change]
    changed.sort(key=lambda pace: pace.name)
    changed.sort(key=lambda pace: -max(abs(pace.change), abs(pace.instances_change)))
    return changed


def _sum_rates(stretch: Stretch) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (kind, name) -> references and instances more per second."""
    rates: dict[tuple[str, str], tuple[float, float]] = {}
    for change in find_changes(stretch.first, stretch.last):
        references, instances = rates.get((change.kind, change.name), (0.0, 0.0))
        references += change.growth_per_second or 0.0
        instances += change.instances_per_second or 0.0
        rates[change.kind, change.name] = references, instances
    return rates
