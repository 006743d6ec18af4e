"""Which rows of a histogram are shown, and in which order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.screen.selection import make_matcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.snapshots.heap import Histogram, TypeUse

__all__ = ["HISTOGRAM_SORTS", "SelectedTypes", "TypeSelection", "select_types"]


def _rank_change(row: TypeUse) -> tuple[float, ...]:
    """Return what ranks types by change: those that grow in both steps come first."""
    if row.delta is None or row.delta_bytes is None:
        return 0, -math.inf, -math.inf
    return bool(row.growing), row.delta, row.delta_bytes


HISTOGRAM_SORTS: Final[dict[str, Callable[[TypeUse], tuple[float, ...]]]] = {
    "size": lambda row: (row.size,),
    "instances": lambda row: (row.instances,),
    "bytes": lambda row: (row.bytes,),
    "attached": lambda row: (row.attached or 0,),
    "tracked": lambda row: (row.tracked,),
    "delta": _rank_change,
    "name": lambda _: (),
}
"""What rows can be sorted by: the largest first, and then by name.  The size is that of the
instances and of what hangs on them."""


class TypeSelection(NamedTuple):
    """What a user asked to see."""

    sort: str = "size"
    """One of :data:`HISTOGRAM_SORTS`."""
    filters: tuple[str, ...] = ()
    """Shell patterns, any of which a name has to match."""
    limit: int | None = None
    """The most rows; 0 for all, None for what there is room for."""


class SelectedTypes(NamedTuple):
    """What is shown of a histogram."""

    histogram: Histogram
    """With only the rows that are shown, in order."""
    matching: int
    """Rows that the filters let through, shown or not."""
    all: int


def select_types(histogram: Histogram, choice: TypeSelection, room: int | None) -> SelectedTypes:
    """Return what is shown; ``room`` is for how many rows there is room, None for all."""
    matches = make_matcher(choice.filters)
    rows = [row for row in histogram.types if matches(row.name)]
    rank = HISTOGRAM_SORTS[choice.sort]
    rows.sort(key=lambda row: (row.name, row.address))
    rows.sort(key=rank, reverse=True)
    most = choice.limit or (room if choice.limit is None else None)
    shown = tuple(rows[:most])
    count = len(histogram.types)
    return SelectedTypes(histogram._replace(types=shown, type_count=count), len(rows), count)
