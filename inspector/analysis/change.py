"""What differs between two snapshots; pure.

A collection, and a thread that ends, move contributions into headers.  That is no
change of a total, so changes are told from totals only, never from one of the parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.snapshots.snapshot import ObjectCount, Snapshot

__all__ = ["Change", "changes", "growth", "same_process"]


class Change(NamedTuple):
    """One object in two snapshots, or several of one name in those of two processes."""

    name: str
    kind: str
    address: int | None
    """None where objects are told apart by their names only."""
    before: int | None
    """Its total; None for one that was not there, or could not be told."""
    after: int | None
    growth: int | None
    """None where it could not be told; that of a new object is its total."""
    what: str
    """``new``, ``gone``, ``changed`` or ``unknown``."""
    settled: bool
    """Both totals are of one instant each."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self._asdict()


def same_process(before: Snapshot, after: Snapshot) -> bool:
    """Whether two snapshots are of one process, as far as they tell.

    The first process of every container has the same id; but then objects of one name
    are at other addresses.
    """
    facts = [
        (each.target.pid, each.target.version, each.target.command) for each in (before, after)
    ]
    if facts[0] != facts[1]:
        return False
    old = {(row.interpreter, row.address, row.name) for row in before}
    new = {(row.interpreter, row.address, row.name) for row in after}
    return 2 * len(old & new) >= min(len(old), len(new))


def growth(before: ObjectCount, after: ObjectCount) -> int | None:
    """Return how much a total grew; None where that cannot be told.

    References on stacks count if they were read both times, and else neither time.
    """
    if before.deferred is None or after.deferred is None:
        if before.counted is None or after.counted is None:
            return None
        return after.counted - before.counted
    if before.total is None or after.total is None:
        return None
    return after.total - before.total


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Return what is new, gone, changed or not known any more, the largest growth first.

    Objects of one process are told apart by their addresses and names, those of two
    processes by their names: then objects that share one are counted together.
    """
    told_apart = _by_address if same_process(before, after) else _by_name
    return sorted(
        told_apart(before, after),
        key=lambda each: (-(each.growth or 0), each.name, each.address or 0),
    )


def _by_address(before: Snapshot, after: Snapshot) -> Iterable[Change]:
    old = {(row.interpreter, row.address, row.name): row for row in before}
    new = {(row.interpreter, row.address, row.name): row for row in after}
    for key, row in new.items():
        was = old.get(key)
        if was is None:
            yield Change(
                row.name, row.kind, row.address, None, row.total, row.total, "new", row.settled
            )
            continue
        grown = growth(was, row)
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


class _Sum(NamedTuple):
    counted: int | None
    total: int | None
    deferred: bool
    settled: bool


def _by_name(before: Snapshot, after: Snapshot) -> Iterable[Change]:
    old, new = _sums(before), _sums(after)
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


def _sums(snapshot: Snapshot) -> dict[tuple[str, str], _Sum]:
    """Return (kind, name) -> the sum of what is counted; immortal objects are left out."""
    found: dict[tuple[str, str], _Sum] = {}
    for row in snapshot:
        if row.state == "immortal":
            continue
        key = (row.kind, row.name)
        last = found.get(key, _Sum(0, 0, deferred=True, settled=True))
        found[key] = _Sum(
            _plus(last.counted, row.counted),
            _plus(last.total, row.total),
            last.deferred and row.deferred is not None,
            last.settled and row.settled,
        )
    return found


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
