"""The instances of types over time; pure.

The heap is read less often than the counts.  Each reading of it keeps the counts of the
reading that it came with: references and instances are compared over the same time.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.snapshots.heap import TypeUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.analysis.reading_totals import ReadingTotals
    from inspector.snapshots.heap import Histogram
    from inspector.snapshots.object_count import ObjectKey

    UseKey = tuple[int | None, int, str]
    """Interpreter, address and name of a type."""

__all__ = ["MAX_STATES", "HeapHistory", "HeapState"]

MAX_STATES: Final = 64
"""Readings of the heap that are kept, at most."""


class HeapState(NamedTuple):
    """One reading of the heap, sixteen bytes for each type."""

    taken_ns: int
    totals: ReadingTotals
    """The counts that were read right before it."""
    rss: int | None
    places: Mapping[UseKey, int]
    """Type -> index in the arrays; readings of the same types share this mapping.  A type that
    came later has an index beyond their end."""
    instances: array[int]
    sizes: array[int]
    """Bytes of instances and of what hangs on them."""

    def count_instances(self, key: UseKey) -> int:
        """Return the instances of a type; 0 for a type that the reading does not list."""
        return self._find(self.instances, key)

    def measure_size(self, key: UseKey) -> int:
        """Return the bytes of the instances of a type, and of what hangs on them."""
        return self._find(self.sizes, key)

    def _find(self, numbers: array[int], key: UseKey) -> int:
        place = self.places.get(key)
        if place is None:
            # A segment may be nobody's for a moment; the type of its objects is still theirs.
            place = self.places.get((None, *key[1:]))
        return 0 if place is None or place >= len(numbers) else numbers[place]


@dataclass(frozen=True)
class HeapHistory:
    """The latest reading of a heap, those before it, and the one that growth is measured from."""

    latest: Histogram
    states: tuple[HeapState, ...]
    """The oldest first, the latest last."""
    baseline: HeapState

    @classmethod
    def begin(cls, heap: Histogram, totals: ReadingTotals) -> HeapHistory:
        """Return the history of a first reading, with the counts that it came with."""
        state = _summarize_heap(heap, totals, {})
        return cls(heap, (state,), state)

    def add(self, heap: Histogram, totals: ReadingTotals) -> HeapHistory:
        """Return the history with one more reading."""
        state = _summarize_heap(heap, totals, self.states[-1].places)
        return replace(self, latest=heap, states=(*self.states[1 - MAX_STATES :], state))

    def rebase(self) -> HeapHistory:
        """Return the history with its latest reading as the baseline."""
        return replace(self, baseline=self.states[-1])

    @cached_property
    def _uses(self) -> dict[tuple[int | None, int], TypeUse]:
        return {(use.interpreter, use.address): use for use in self.latest.types}

    def find_use(self, key: ObjectKey) -> TypeUse | None:
        """Return the instances of a type when the heap was last read.

        None for a type that came since then.
        """
        interpreter, address, name = key
        use = self._uses.get((interpreter, address)) or self._uses.get((None, address))
        if use is None and key in self.states[-1].totals.places:
            return TypeUse(name, address, interpreter, 0, 0, 0, 0, None)
        return use

    def count_instances(self, key: UseKey) -> int:
        """Return the instances of a type in the latest reading."""
        return self.states[-1].count_instances(key)

    def measure_growth(self, key: UseKey) -> int:
        """Return how many instances of a type there are more than at the baseline."""
        return self.count_instances(key) - self.baseline.count_instances(key)

    def measure_size_growth(self, key: UseKey) -> int:
        """Return how many bytes more there are than at the baseline."""
        return self.states[-1].measure_size(key) - self.baseline.measure_size(key)

    def measure_rate(self, key: UseKey) -> float | None:
        """Return the growth of instances per second since the baseline; None at the baseline."""
        seconds = (self.states[-1].taken_ns - self.baseline.taken_ns) / 1e9
        return None if seconds <= 0 else self.measure_growth(key) / seconds

    def measure_uncollected_growth(self, key: UseKey) -> int | None:
        """Return how many instances came since the last collection that was seen.

        They may be garbage that awaits a collection.  None where no collection was seen since
        the baseline: all that came may be garbage.
        """
        first = self.states[-1]
        if first.totals.collections in {None, self.baseline.totals.collections}:
            return None
        for state in reversed(self.states):
            if state.totals.collections != first.totals.collections:
                break
            first = state
        return self.count_instances(key) - first.count_instances(key)

    def measure_references(self, key: UseKey) -> int | None:
        """Return the growth of the references to a type between the baseline and the latest.

        References on stacks are left out.  None for a type without a count.
        """
        interpreter, address, name = key
        if interpreter is None:
            return None
        row = interpreter, address, name
        before = self.baseline.totals.total(row, stacks=False)
        after = self.states[-1].totals.total(row, stacks=False)
        return None if before is None or after is None else after - before

    def list_instances(self, key: UseKey) -> list[int | None]:
        """Return the instances of a type in every reading that is kept, the oldest first."""
        return [state.count_instances(key) for state in self.states]


def _summarize_heap(
    heap: Histogram, totals: ReadingTotals, places: Mapping[UseKey, int]
) -> HeapState:
    """Return what is kept of a reading; ``places`` are those of the reading before."""
    fresh: list[TypeUse] = [use for use in heap.types if use.key not in places]
    if fresh:
        known = dict(places)
        for use in fresh:
            known[use.key] = len(known)
        places = known
    instances = array("q", bytes(8 * len(places)))
    sizes = array("q", bytes(8 * len(places)))
    for use in heap.types:
        place = places[use.key]
        instances[place] = use.instances
        sizes[place] = use.size
    return HeapState(heap.taken_ns, totals, heap.rss, places, instances, sizes)
