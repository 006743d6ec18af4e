"""Counts by address, and how much of them is inspector's own doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.snapshots.snapshot import Snapshot

__all__ = ["CountPair", "measure_own_counts", "sum_counts"]

REHEARSALS: Final = 20

CountPair = tuple[int, int]
"""What was counted in the header, and by threads."""


def sum_counts(snapshot: Snapshot, merged: Mapping[int, Mapping[int, int]]) -> dict[int, CountPair]:
    """Return what is counted of each type, what was merged given back to the threads."""
    found: dict[int, CountPair] = {}
    for row in snapshot:
        if row.header is not None and row.counted is not None:
            given_back = sum(merged.get(row.address, {}).values())
            found[row.address] = row.header - given_back, (row.contributed or 0) + given_back
    return found


def measure_own_counts(
    read: Callable[[], dict[int, CountPair]], act: Callable[[], object]
) -> dict[int, CountPair]:
    """Return what one act of inspector counts by itself, where that is anything.

    ``read`` returns the counts of now.  What it does by itself is not the act's.
    """
    act()
    before = read()
    for _ in range(REHEARSALS):
        act()
    after, again = read(), read()
    found = {
        address: (
            round((2 * after[address][0] - before[address][0] - again[address][0]) / REHEARSALS),
            round((2 * after[address][1] - before[address][1] - again[address][1]) / REHEARSALS),
        )
        for address in before.keys() & after.keys() & again.keys()
    }
    return {address: each for address, each in found.items() if any(each)}
