"""How the instances of types changed between two or three readings of a heap; pure.

Two readings show what there is more; three tell growth from warm-up: a cache that fills up
rises in the first step and not in the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.verdict.judge import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.snapshots.heap import Histogram, TypeUse

    Key = tuple[int | None, int, str] | str
    """Interpreter, address and name of a type, or its name alone."""

__all__ = ["MORE_BYTES", "Earlier", "compare_histograms", "is_same_heap", "merge_by_name"]

MORE_BYTES: Final = 4096
"""Bytes that a type must take more after a step before that is growth: one page."""


class Earlier(NamedTuple):
    """The readings that one is compared with."""

    baseline: Histogram
    target: Histogram | None = None
    """Taken after the baseline."""

    @property
    def all(self) -> tuple[Histogram, ...]:
        """All of them, the oldest first."""
        return (self.baseline,) if self.target is None else (self.baseline, self.target)


def compare_histograms(
    now: Histogram, earlier: Earlier, *, by_name: bool | None = None
) -> Histogram:
    """Return ``now`` with the changes of each type since earlier readings.

    Types of one process are matched by address and name.  Those of two processes are matched
    by name, and all types of one name become one.  Types that are gone have no instances.  A
    change is None where an earlier reading lists only some of its types, and not this one.
    ``by_name`` says how types are matched where the caller knows.
    """
    if by_name is None:
        by_name = not all(is_same_heap(heap, now) for heap in earlier.all)
    current = _index_types(now, by_name=by_name)
    before = [_index_types(heap, by_name=by_name) for heap in earlier.all]
    uses = dict(current)
    for index in before:
        for key, use in index.items():
            uses.setdefault(key, _empty(use))
    types = []
    for key, use in uses.items():
        states = [
            _find_use(index, key, use, is_complete=histogram.is_complete)
            for index, histogram in zip(before, earlier.all, strict=True)
        ]
        types.append(_measure_change(use, [*states, use]))
    types.sort(key=lambda use: (-use.size, use.name, use.address))
    return now._replace(types=tuple(types), type_count=None)


def is_same_heap(before: Histogram, after: Histogram) -> bool:
    """Whether two histograms are of one process, as far as can be told from them.

    The first processes of two containers have the same id.  Most of their types are at
    different addresses.
    """
    for field in ("pid", "version", "command"):
        if before.target.get(field) != after.target.get(field):
            return False
    old = {use.key for use in before.types}
    new = {use.key for use in after.types}
    return 2 * len(old & new) >= min(len(old), len(new))


def merge_by_name(histogram: Histogram) -> dict[str, TypeUse]:
    """Return the types of a histogram by name; those of one name are summed up."""
    merged: dict[str, TypeUse] = {}
    for use in histogram.types:
        first = merged.get(use.name)
        if first is None:
            merged[use.name] = use
            continue
        attached = None
        if first.attached is not None or use.attached is not None:
            attached = (first.attached or 0) + (use.attached or 0)
        merged[use.name] = first._replace(
            interpreter=first.interpreter if first.interpreter == use.interpreter else None,
            instances=first.instances + use.instances,
            low=first.low + use.low,
            tracked=first.tracked + use.tracked,
            bytes=first.bytes + use.bytes,
            attached=attached,
        )
    return merged


def _index_types(histogram: Histogram, *, by_name: bool) -> Mapping[Key, TypeUse]:
    """Return the types of a histogram by what identifies them."""
    index: dict[Key, TypeUse] = {}
    if by_name:
        index.update(merge_by_name(histogram))
    else:
        index.update({use.key: use for use in histogram.types})
    return index


def _empty(use: TypeUse) -> TypeUse:
    """Return a type without instances."""
    attached = None if use.attached is None else 0
    return use._replace(instances=0, low=0, tracked=0, bytes=0, attached=attached)


def _find_use(
    index: Mapping[Key, TypeUse], key: Key, use: TypeUse, *, is_complete: bool
) -> TypeUse | None:
    """Return a type as an earlier reading has it; None where that does not tell."""
    found = index.get(key)
    if found is None and is_complete:
        return _empty(use)
    return found


def _measure_change(use: TypeUse, states: list[TypeUse | None]) -> TypeUse:
    """Return a type with its changes over two or three states, the latest of which is known."""
    first, last = states[0], states[-1]
    delta = _subtract(first, last, in_bytes=False)
    delta_bytes = _subtract(first, last, in_bytes=True)
    if len(states) == 2:  # noqa: PLR2004 - baseline and now
        return use._replace(delta=delta, delta_bytes=delta_bytes)
    middle = states[1]
    steps = (
        _subtract(first, middle, in_bytes=False),
        _subtract(middle, last, in_bytes=False),
    )
    byte_steps = (
        _subtract(first, middle, in_bytes=True),
        _subtract(middle, last, in_bytes=True),
    )
    growing = None
    if None not in steps:
        growing = _rises(steps, ENOUGH) or _rises(byte_steps, MORE_BYTES)
    return use._replace(delta=delta, delta_bytes=delta_bytes, steps=steps, growing=growing)


def _subtract(before: TypeUse | None, after: TypeUse | None, *, in_bytes: bool) -> int | None:
    if before is None or after is None:
        return None
    return after.size - before.size if in_bytes else after.instances - before.instances


def _rises(steps: tuple[int | None, int | None], least: int) -> bool:
    """Whether there was at least so much more after each step."""
    return all(step is not None and step >= least for step in steps)
