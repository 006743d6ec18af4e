"""What differs between two snapshots; pure.

A garbage collection, and a thread that ends, move contributions into headers.  That
changes the parts of a total and not the total, so only totals are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.snapshots.snapshot import ObjectCount, Snapshot

__all__ = ["Change", "find_changes", "is_same_process", "measure_growth"]


class Change(NamedTuple):
    """One object in two snapshots, or all objects of one name in snapshots of two processes."""

    name: str
    kind: str
    address: int | None
    """None where objects are compared by name."""
    before: int | None
    """Its total; None if it was not there or is unknown."""
    after: int | None
    growth: int | None
    """None where it is unknown; the growth of a new object is its total."""
    what: str
    """``new``, ``gone``, ``changed`` or ``unknown``."""
    settled: bool
    """Both totals are of one instant each."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self._asdict()


def is_same_process(before: Snapshot, after: Snapshot) -> bool:
    """Whether two snapshots are of one process, as far as can be told from them.

    The first processes of two containers have the same id.  Most of their objects are at
    different addresses.
    """
    first, second = before.target, after.target
    if (first.pid, first.version, first.command) != (second.pid, second.version, second.command):
        return False
    old = {(row.interpreter, row.address, row.name) for row in before}
    new = {(row.interpreter, row.address, row.name) for row in after}
    return 2 * len(old & new) >= min(len(old), len(new))


def measure_growth(before: ObjectCount, after: ObjectCount) -> int | None:
    """Return how much a total grew; None where that is unknown.

    References on stacks are left out unless both snapshots have them.
    """
    if before.deferred is None or after.deferred is None:
        if before.counted is None or after.counted is None:
            return None
        return after.counted - before.counted
    if before.total is None or after.total is None:
        return None
    return after.total - before.total


def find_changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Return objects that are new, gone, changed or became unknown, the largest growth first.

    Objects of one process are compared by address and name, those of two processes by
    name, all objects of one name together.
    """
    compare = _compare_by_address if is_same_process(before, after) else _compare_by_name
    return sorted(
        compare(before, after),
        key=lambda change: (-(change.growth or 0), change.name, change.address or 0),
    )


def _compare_by_address(before: Snapshot, after: Snapshot) -> Iterable[Change]:
    old = {(row.interpreter, row.address, row.name): row for row in before}
    new = {(row.interpreter, row.address, row.name): row for row in after}
    for key, row in new.items():
        was = old.get(key)
        if was is None:
            yield Change(
                row.name, row.kind, row.address, None, row.total, row.total, "new", row.settled
            )
            continue
        grown = measure_growth(was, row)
        if grown or (grown is None and row.state != "immortal"):
            what = "unknown" if grown is None else "changed"
            settled = row.settled and was.settled
            yield Change(
                row.name, row.kind, row.address, was.total, row.total, grown, what, settled
            )
    for key, row in old.items():
        if key not in new:
            lost = None if row.total is None else -row.total
            yield Change(
                row.name, row.kind, row.address, row.total, None, lost, "gone", row.settled
            )


class _NameSum(NamedTuple):
    counted: int | None
    total: int | None
    deferred: bool
    settled: bool


def _compare_by_name(before: Snapshot, after: Snapshot) -> Iterable[Change]:
    old, new = _sum_by_name(before), _sum_by_name(after)
    for key in old.keys() | new.keys():
        kind, name = key
        was, now = old.get(key), new.get(key)
        if was is None and now is not None:
            yield Change(name, kind, None, None, now.total, now.total, "new", now.settled)
        elif now is None and was is not None:
            lost = None if was.total is None else -was.total
            yield Change(name, kind, None, was.total, None, lost, "gone", was.settled)
        elif was is not None and now is not None:
            both = was.deferred and now.deferred
            first, last = (was.total, now.total) if both else (was.counted, now.counted)
            grown = None if first is None or last is None else last - first
            if grown or grown is None:
                what = "unknown" if grown is None else "changed"
                settled = was.settled and now.settled
                yield Change(name, kind, None, was.total, now.total, grown, what, settled)


def _sum_by_name(snapshot: Snapshot) -> dict[tuple[str, str], _NameSum]:
    """Return (kind, name) -> the sums of its objects' counts, without immortal objects."""
    found: dict[tuple[str, str], _NameSum] = {}
    for row in snapshot:
        if row.state == "immortal":
            continue
        key = (row.kind, row.name)
        last = found.get(key, _NameSum(0, 0, deferred=True, settled=True))
        found[key] = _NameSum(
            _add_known(last.counted, row.counted),
            _add_known(last.total, row.total),
            last.deferred and row.deferred is not None,
            last.settled and row.settled,
        )
    return found


def _add_known(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
