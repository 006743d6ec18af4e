"""What differs between two snapshots; pure.

A garbage collection, and a thread that ends, move contributions into headers.  That
changes the parts of a total and not the total, so only totals are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inspector.analysis.heap_change import MORE_BYTES, Earlier, compare_histograms
from inspector.verdict.judge import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.analysis.history import History
    from inspector.snapshots.heap import Histogram, TypeUse
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.judge import Judgement

__all__ = [
    "Change",
    "elapsed_seconds",
    "find_changes",
    "is_same_process",
    "judge_changes",
    "measure_growth",
]


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
    instances: int | None = None
    """Instances that are alive afterwards; None where one of the heaps was not read."""
    instances_growth: int | None = None
    bytes_growth: int | None = None
    """Of the blocks of instances, and of what hangs on them."""

    growth_per_second: float | None = None
    """Of references; None for readings of two processes."""
    instances_per_second: float | None = None
    judged: Judgement | None = None
    """The verdict on the object, where there were readings enough in between."""

    @property
    def largest_growth(self) -> int:
        """By how much references or instances grew, the larger of both."""
        return max(self.growth or 0, self.instances_growth or 0)

    @property
    def magnitude(self) -> int:
        """By how much references or instances changed, the larger of both."""
        return max(abs(self.growth or 0), abs(self.instances_growth or 0))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; with a verdict there are also ``evidence`` and ``advice``."""
        document = self._asdict()
        del document["judged"]
        verdict = {"verdict": None} if self.judged is None else self.judged.as_dict()
        return {**document, **verdict}


def is_same_process(before: Snapshot, after: Snapshot) -> bool:
    """Whether two snapshots are of one process, as far as can be told from them.

    The first processes of two containers have the same id.  Most of their objects are at
    different addresses.
    """
    first, second = before.target, after.target
    if (first.pid, first.version, first.command) != (second.pid, second.version, second.command):
        return False
    old = {row.key for row in before}
    new = {row.key for row in after}
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
    """Return objects that are new, gone, changed or became unknown, the largest change first.

    Objects of one process are compared by address and name, those of two processes by
    name, all objects of one name together.  Where both snapshots have a heap, types without
    a count are among them, with at least 4 instances or 4 kB more or less.
    """
    same = is_same_process(before, after)
    compare = _compare_by_address if same else _compare_by_name
    changes = []
    seconds = elapsed_seconds(before, after)
    for change in compare(before, after):
        rate = _divide_known(change.growth, seconds)
        changes.append(change._replace(growth_per_second=rate))
    if before.heap is not None and after.heap is not None:
        compared = compare_histograms(after.heap, Earlier(before.heap), by_name=not same)
        seconds = (after.heap.taken_ns - before.heap.taken_ns) / 1e9 if same else None
        changes = _add_instances(changes, after, compared, seconds)
    return sorted(changes, key=lambda change: (-change.magnitude, change.name, change.address or 0))


def judge_changes(changes: Sequence[Change], history: History) -> list[Change]:
    """Return changes with the verdicts of a history that ends with their second snapshot."""
    rows = {(row.address, row.name): row for row in history.latest}
    found = []
    for change in changes:
        row = rows.get((change.address or 0, change.name))
        judged = None if row is None else history.verdict(row)
        found.append(change._replace(judged=judged))
    return found


def elapsed_seconds(before: Snapshot, after: Snapshot) -> float | None:
    """Return the seconds between two snapshots; None if they are not of one process."""
    if not is_same_process(before, after):
        return None
    return (after.taken_ns - before.taken_ns) / 1e9


def _add_instances(
    changes: list[Change], after: Snapshot, heap: Histogram, seconds: float | None
) -> list[Change]:
    """Return changes with those of instances, and with changes of instances alone.

    ``heap`` was compared with the one before, taken ``seconds`` earlier.
    """
    by_address = {(use.address, use.name): use for use in heap.types}
    by_name = {use.name: use for use in heap.types}
    found = []
    seen = set()
    for change in changes:
        use = None
        if change.kind in {"type", "static"} and change.address is None:
            use = by_name.get(change.name)
        elif change.kind in {"type", "static"}:
            use = by_address.get((change.address or 0, change.name))
        if use is None:
            found.append(change)
            continue
        seen.add((use.address, use.name))
        counted_too = change._replace(
            instances=use.instances,
            instances_growth=use.delta,
            bytes_growth=use.delta_bytes,
            instances_per_second=_divide_known(use.delta, seconds),
        )
        found.append(counted_too)
    counted = {(row.address, row.name): row for row in after}
    for key, use in by_address.items():
        if key not in seen and _is_change(use):
            change = _make_instance_change(use, counted.get(key))
            rate = _divide_known(use.delta, seconds)
            found.append(change._replace(instances_per_second=rate))
    return found


def _divide_known(number: int | None, seconds: float | None) -> float | None:
    """Return a rate; None where the number or the time is not known."""
    return None if number is None or not seconds or seconds <= 0 else number / seconds


def _is_change(use: TypeUse) -> bool:
    """Whether the instances of a type changed by more than what any program makes and drops."""
    instances, size = use.delta or 0, use.delta_bytes or 0
    return abs(instances) >= ENOUGH or abs(size) >= MORE_BYTES


def _make_instance_change(use: TypeUse, counted: ObjectCount | None) -> Change:
    """Return the change of a type whose references are not counted, or did not change."""
    before = use.instances - (use.delta or 0)
    what = "new" if before == 0 else "gone" if use.instances == 0 else "changed"
    total = None if counted is None else counted.total
    return Change(
        name=use.name,
        kind="type",
        address=use.address,
        before=total,
        after=total,
        growth=None if total is None else 0,
        what=what,
        settled=True,
        instances=use.instances,
        instances_growth=use.delta,
        bytes_growth=use.delta_bytes,
    )


def _compare_by_address(before: Snapshot, after: Snapshot) -> Iterable[Change]:
    old = {row.key: row for row in before}
    new = {row.key: row for row in after}
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
