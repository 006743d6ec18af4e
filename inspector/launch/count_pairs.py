"""How each type is counted, in its header and by threads, and inspector's own part in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.snapshots.snapshot import Snapshot

__all__ = ["NOTHING", "CountPair", "measure_own_counts", "sum_counts"]

REPEATS: Final = 20
"""How often an act is repeated to tell what it counts from what a reading counts."""


class CountPair(NamedTuple):
    """References to one type, signed."""

    header: int
    """Counted in the header; what was merged from threads is left out."""
    threads: int
    """Counted by threads, merged since or not."""


NOTHING: Final = CountPair(0, 0)


def sum_counts(snapshot: Snapshot, merged: Mapping[int, Mapping[int, int]]) -> dict[int, CountPair]:
    """Return address -> counts of each type that was read.

    ``merged`` is address -> native thread id -> what was merged into the header of it: that
    is counted as the threads' again.
    """
    found: dict[int, CountPair] = {}
    for row in snapshot:
        if row.header is not None and row.counted is not None:
            of_threads = sum(merged.get(row.address, {}).values())
            found[row.address] = CountPair(
                row.header - of_threads, (row.contributed or 0) + of_threads
            )
    return found


def measure_own_counts(
    read: Callable[[], dict[int, CountPair]], act: Callable[[], object]
) -> dict[int, CountPair]:
    """Return address -> counts that one act of inspector adds, of types that it counts at all.

    ``read`` returns the counts of now; what a reading adds itself is subtracted.
    """
    act()
    before = read()
    for _ in range(REPEATS):
        act()
    after, again = read(), read()
    found: dict[int, CountPair] = {}
    for address in before.keys() & after.keys() & again.keys():
        # From before to after: the acts and one reading; from after to again: one reading.
        first, last, reading = before[address], after[address], again[address]
        own = CountPair(
            round((2 * last.header - first.header - reading.header) / REPEATS),
            round((2 * last.threads - first.threads - reading.threads) / REPEATS),
        )
        if own != NOTHING:
            found[address] = own
    return found
