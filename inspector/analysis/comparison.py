"""Two snapshots, one subtracted from the other: ``after - before``; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from inspector.analysis.change import find_changes
from inspector.snapshots.html_table import format_known, make_html_table
from inspector.snapshots.name_search import find_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.analysis.change import Change
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["Comparison", "compare_snapshots"]

SHOWN: Final = 20
"""Rows in a notebook."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What changed from one snapshot to another, the largest change first."""

    before: Snapshot
    after: Snapshot
    changes: tuple[Change, ...]

    @property
    def seconds(self) -> float:
        """Seconds between both readings."""
        return (self.after.taken_ns - self.before.taken_ns) / 1e9

    def top(self, number: int = 10) -> Comparison:
        """Return the comparison with its largest changes only."""
        return replace(self, changes=self.changes[:number])

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __getitem__(self, name: str) -> Change:
        """Return the change of the object of a name, or of the end of one after a dot.

        Raises KeyError if it did not change, or several names end so.
        """
        names = find_names({change.name for change in self.changes}, name)
        for change in self.changes:
            if names == [change.name]:
                return change
        raise KeyError(name)

    def __repr__(self) -> str:
        parts = []
        for change in self.changes[:3]:
            parts.append(f"{change.name} {_format_growth(change)}")
        if len(self) > len(parts):
            parts.append(f"{len(self) - len(parts):,} more")
        return f"<Comparison over {self.seconds:.1f} s: {', '.join(parts) or 'nothing changed'}>"

    def _repr_html_(self) -> str:
        rows = []
        for change in self.changes[:SHOWN]:
            numbers = (
                format_known(change.growth, signed=True),
                format_known(change.before),
                format_known(change.after),
                format_known(change.instances_growth, signed=True),
                change.what,
            )
            rows.append((change.name, *numbers))
        shown = f"{len(rows):,} of {len(self):,} changes over {self.seconds:.1f} s"
        return make_html_table(shown, ("name", "growth", "before", "after", "instances", ""), rows)


def compare_snapshots(before: Snapshot, after: Snapshot) -> Comparison:
    """Return what changed from one snapshot to another, as ``inspector diff`` tells it."""
    # What reading adds to the own process is true, but says nothing of the program: it is last.
    changes = sorted(find_changes(before, after), key=_is_of_reader)
    return Comparison(before, after, tuple(changes))


def _is_of_reader(change: Change) -> bool:
    """Whether objects of inspector itself changed."""
    return change.name.startswith("inspector.")


def _format_growth(change: Change) -> str:
    """Return by how much references grew, or instances where references are not counted."""
    if change.growth is None and change.instances_growth is not None:
        return f"{format_known(change.instances_growth, signed=True)} instances"
    return format_known(change.growth, signed=True)
