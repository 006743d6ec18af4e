"""Snapshots over time: how totals grow, and how often headers move; pure.

Of a reading only its totals and headers are kept, eight bytes each, and of the latest
one all of it.  A process of thousands of types can be watched for days.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import add, itemgetter, ne
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.census.snapshot import ObjectCount, Snapshot

__all__ = ["FRAMES", "WINDOW", "Frame", "History", "Key", "key_of"]

FRAMES: Final = 64
"""Readings whose totals are kept."""

WINDOW: Final = 5.0
"""Seconds that a rate is taken over; one reading at least."""

ENOUGH: Final = 4
"""Readings, or steps in one direction, before anything is said of them."""

HOT: Final = 0.5
"""Share of readings."""

UNKNOWN: Final = -(1 << 63)
"""Stands for None in an array; no count gets there."""

Key = tuple[int, int, str]
"""Interpreter, address and name: an address alone may be another object's by now."""

_KEY: Final = itemgetter(3, 2, 0)
_SHARED: Final = itemgetter(8)
_COUNTED: Final = itemgetter(11)
_DEFERRED: Final = itemgetter(12)


class Frame(NamedTuple):
    """What is kept of one reading."""

    taken_ns: int
    keys: list[Key]
    places: Mapping[Key, int]
    """Key -> place in the arrays; one mapping for all readings of the same objects."""
    counted: array[int]
    deferred: array[int] | None
    """None where no stack was read."""
    shared: array[int]
    collections: int | None
    threads: frozenset[int]
    born: int
    """Objects that were not there in the reading before."""
    died: int

    def total(self, key: Key, *, stacks: bool) -> int | None:
        """Return a total, with or without the references on stacks."""
        place = self.places.get(key)
        if place is None or self.counted[place] == UNKNOWN:
            return None
        if not stacks or self.deferred is None:
            return self.counted[place]
        deferred = self.deferred[place]
        return None if deferred == UNKNOWN else self.counted[place] + deferred


@dataclass(frozen=True)
class History:
    """The latest snapshot, the readings before it, and the one that growth is measured from."""

    latest: Snapshot
    frames: tuple[Frame, ...]
    """The oldest first, the latest last."""
    baseline: Frame
    moved: array[int]
    """Per object of the latest reading: readings since the baseline in which its
    ``ob_ref_shared`` was not what it was before, collections aside."""
    compared: int
    """Readings since the baseline that could be compared with the one before."""
    ended: int
    """Threads that ended since the baseline: each merged its contributions."""

    @classmethod
    def begin(cls, snapshot: Snapshot) -> History:
        """Return the history of a first reading."""
        frame = _frame(snapshot, None)
        return cls(snapshot, (frame,), frame, array("q", bytes(8 * len(frame.keys))), 0, 0)

    def add(self, snapshot: Snapshot) -> History:
        """Return the history with one more reading."""
        before = self.frames[-1]
        frame = _frame(snapshot, before)
        moved = self._moved_before(frame)
        comparable = frame.collections == before.collections
        if comparable:
            moved = array("q", map(add, moved, _moves(before, frame)))
        return replace(
            self,
            latest=snapshot,
            frames=(*self.frames[1 - FRAMES :], frame),
            moved=moved,
            compared=self.compared + comparable,
            ended=self.ended + len(before.threads - frame.threads),
        )

    def rebased(self) -> History:
        """Return the history with its latest reading as the baseline."""
        frame = self.frames[-1]
        nothing = array("q", bytes(8 * len(frame.keys)))
        return replace(self, baseline=frame, moved=nothing, compared=0, ended=0)

    def growth(self, row: ObjectCount) -> int | None:
        """Return the growth of a total since the baseline; that of a new object is its total."""
        key = key_of(row)
        if key not in self.baseline.places:
            return row.total
        return self._between(self.baseline, key)

    def is_new(self, row: ObjectCount) -> bool:
        """Whether an object was not there at the baseline."""
        return key_of(row) not in self.baseline.places

    def rate(self, row: ObjectCount) -> float | None:
        """Return the growth of a total per second, over the last :data:`WINDOW`."""
        key = key_of(row)
        first = next((each for each in self.window if key in each.places), self.frames[-1])
        seconds = (self.frames[-1].taken_ns - first.taken_ns) / 1e9
        grown = self._between(first, key)
        return None if grown is None or seconds <= 0 else grown / seconds

    def heat(self, row: ObjectCount) -> float | None:
        """Return the share of readings since the baseline in which the header moved."""
        place = self.frames[-1].places.get(key_of(row))
        if place is None or not self.compared or row.shared is None:
            return None
        return self.moved[place] / self.compared

    def totals(self, row: ObjectCount) -> list[int | None]:
        """Return the totals in every reading that is kept, the oldest first."""
        key = key_of(row)
        stacks = all(frame.deferred is not None for frame in self.frames)
        return [frame.total(key, stacks=stacks) for frame in self.frames]

    def verdict(self, row: ObjectCount) -> str:
        """Return what the readings since then say of a type in a word, or nothing."""
        if trend := _trend(self.totals(row)):
            return trend
        heat = self.heat(row)
        if heat is not None and self.compared >= ENOUGH and heat >= HOT:
            return "hot header"
        return "new" if self.is_new(row) else ""

    @property
    def window(self) -> tuple[Frame, ...]:
        """The readings of the last :data:`WINDOW` seconds and the one before those."""
        since = self.frames[-1].taken_ns - WINDOW * 1e9
        first = len(self.frames) - 1
        while first and self.frames[first].taken_ns > since:
            first -= 1
        return self.frames[first:]

    @property
    def churn(self) -> tuple[float, float] | None:
        """Objects that were born and that died, per second; None for a first reading."""
        window = self.window
        seconds = (window[-1].taken_ns - window[0].taken_ns) / 1e9
        if seconds <= 0:
            return None
        born = sum(each.born for each in window[1:])
        return born / seconds, sum(each.died for each in window[1:]) / seconds

    @property
    def collected(self) -> int | None:
        """Collections since the baseline."""
        now, then = self.frames[-1].collections, self.baseline.collections
        return None if now is None or then is None else now - then

    def _between(self, first: Frame, key: Key) -> int | None:
        last = self.frames[-1]
        stacks = first.deferred is not None and last.deferred is not None
        before, after = first.total(key, stacks=stacks), last.total(key, stacks=stacks)
        return None if before is None or after is None else after - before

    def _moved_before(self, frame: Frame) -> array[int]:
        """Return what had moved until now, in the places of a new reading."""
        before = self.frames[-1].places
        if frame.places is before:
            return self.moved
        places = map(before.get, frame.keys)
        return array("q", [0 if place is None else self.moved[place] for place in places])


def key_of(row: ObjectCount) -> Key:
    """Return what an object is known by from reading to reading."""
    return row.interpreter, row.address, row.name


def _trend(totals: Sequence[int | None]) -> str:
    """Return ``growing`` or ``shrinking`` for totals that go nearly one way only."""
    known = [total for total in totals if total is not None]
    steps = [after - before for before, after in pairwise(known)]
    up = sum(step for step in steps if step > 0)
    down = -sum(step for step in steps if step < 0)
    most, least, word = (up, down, "growing") if up > down else (down, up, "shrinking")
    several = sum((step > 0) == (up > down) for step in steps if step) >= ENOUGH
    return word if several and least <= most // 10 else ""


def _frame(snapshot: Snapshot, before: Frame | None) -> Frame:
    """Return what is kept of a snapshot that came after another one."""
    rows = snapshot.rows
    keys = list(map(_KEY, rows))
    born = died = 0
    if before is not None and keys == before.keys:
        keys, places = before.keys, before.places
    else:
        places = dict(zip(keys, range(len(keys)), strict=True))
        if before is not None:
            born = len(places.keys() - before.places.keys())
            died = len(before.places.keys() - places.keys())
    # One that is None adds up to None: unknown is not "none at all".
    counts = [each.collections for each in snapshot.interpreters]
    read = any(row[12] is not None for row in rows)
    return Frame(
        snapshot.taken_ns,
        keys,
        places,
        _column(map(_COUNTED, rows)),
        _column(map(_DEFERRED, rows)) if read else None,
        _column(map(_SHARED, rows)),
        None if None in counts else sum(filter(None, counts)),
        frozenset(thread.native_id for thread in snapshot.threads),
        born,
        died,
    )


def _column(values: Iterable[int | None]) -> array[int]:
    return array("q", [UNKNOWN if value is None else value for value in values])


def _moves(before: Frame, frame: Frame) -> Iterable[bool]:
    """Tell for each object whether its header moved from one reading to the next."""
    if frame.places is before.places:
        return map(ne, frame.shared, before.shared)
    places = map(before.places.get, frame.keys)
    return [
        place is not None and before.shared[place] != now
        for place, now in zip(places, frame.shared, strict=True)
    ]
