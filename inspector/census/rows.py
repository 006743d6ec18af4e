"""Rows of a snapshot from the bytes of a reading: the formula, and nothing else."""

from __future__ import annotations

from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.census.contributions import Contributions
from inspector.census.deallocators import Deallocators
from inspector.census.snapshot import ObjectCount
from inspector.cpython.names import Names
from inspector.cpython.refcount import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.census.plan import Member, Plan
    from inspector.census.reading import Bounds, Seen
    from inspector.census.stacks import Stacks
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["Rows", "counted", "holds_id"]

Row = tuple[Any, ...]
"""The fields of one :class:`~inspector.census.snapshot.ObjectCount`."""

_NAME: Final = ObjectCount._fields.index("name")
_OWNER: Final = ObjectCount._fields.index("owner")
_CONTRIBUTIONS: Final = ObjectCount._fields.index("contributions")
_SETTLED: Final = ObjectCount._fields.index("settled")
_STACKS: Final = ObjectCount._fields.index("stacks")

_NOTHING: Final[dict[int, int]] = {}

# counted, deferred, total, settled, bounds, stacks, deallocator, deallocator_of
_UNREAD: Final = (None, None, None, False, None, None, None, None)
_UNCOUNTED: Final = (None, None, None, True, None, None, None, None)


def counted(words: bytes, contributions: Mapping[int, int]) -> int | None:
    """Return local + shared - bias + contributions; None for an immortal object."""
    net = count(words).net
    return None if net is None else net + sum(contributions.values())


def holds_id(layout: Layout, member: Member, words: bytes) -> bool:
    """Whether an object's structure holds the id under which the pool lists it."""
    unique_id, _, kind = member
    if not unique_id:
        return bool(words)
    if kind == "dict":
        at, size = layout.dict_watcher_tag + 4, 4
    else:
        at, size = layout.type_unique_id if kind == "type" else layout.code_unique_id, 8
    return int.from_bytes(words[at : at + size], "little") == unique_id


class Rows:
    """The rows of one interpreter, made anew only for objects whose words have changed."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._layout = layout
        self._names = Names(memory, layout)
        self._contributions = Contributions()
        self._deallocators = Deallocators(memory, layout)
        tag = layout.type_field("tp_version_tag")
        self._tag = slice(tag, tag + 4)
        self._epoch: int | None = None
        self._kept: dict[int, _Kept] = {}
        self._named: dict[int, str] = {}
        """Names of the objects whose rows the latest reading made anew."""
        self._lines: list[Row] = []
        self._before: _Latest | None = None

    def of(self, seen: Seen, interpreter: int) -> list[Row]:
        """Return the fields of one :class:`~inspector.census.snapshot.ObjectCount` per member.

        A member whose structure does not hold its id was read in the middle of a
        change: its counts are None.
        """
        reading, epoch = seen.reading, seen.planned.epoch
        # Forgotten until the next one is complete, in case this is interrupted.
        before, self._before = self._before, None
        contributions = self._contributions.update(reading.threads, reading.arrays)
        owners = {thread.thread_id: thread.native_id for thread in reading.threads}
        stacks = _by_object(seen.stacks)
        latest = _latest(seen, owners, stacks)
        places = self._places(seen, before, latest)
        same_objects = epoch is not None and epoch == self._epoch
        kept = self._kept if len(places) < len(reading.structures) else {}
        new = []
        for place in places:
            words = reading.structures[place]
            unique_id, address, kind = reading.plan.members[place]
            index = unique_id - 1
            mine = seen.again.get(index, contributions.get(index, _NOTHING))
            stack = stacks.get(address, _NOTHING) if stacks is not None else None
            line = self._kept.get(address)
            if (
                line is not None
                and line.words == words
                and line.row[_CONTRIBUTIONS] == mine
                and line.row[_STACKS] == stack
                and owners.get(line.tid) == line.row[_OWNER]
                and (same_objects or (kind == "type" and any(words[self._tag])))
                and seen.bounds[place] is None
                and line.row[_SETTLED]
            ):
                kept[address] = line
            else:
                new.append((place, mine, stack))
        names = self._names.of(
            [
                (reading.plan.members[place][2], reading.plan.members[place][1], words)
                for place, words in ((place, reading.structures[place]) for place, _, _ in new)
            ],
            epoch,
        )
        if new and not reading.plan.scope.only:
            members = zip(reading.plan.members, reading.structures, strict=True)
            types = (words for (_, _, kind), words in members if kind == "type")
            self._deallocators.learn(types, epoch)
        self._named = {
            reading.plan.members[place][1]: name
            for (place, _, _), name in zip(new, names, strict=True)
        }
        for (place, mine, stack), name in zip(new, names, strict=True):
            member, words = reading.plan.members[place], reading.structures[place]
            doubt = seen.stacks.doubtful.get(member[1], 0) if seen.stacks else 0
            facts = _Facts(name, interpreter, mine, stack, seen.bounds[place], doubt)
            kept[member[1]] = self._make(member, words, facts, owners)
        if kept is self._kept:
            lines = list(self._lines)
            for place in places:
                lines[place] = kept[reading.plan.members[place][1]].row
        else:
            lines = [kept[address].row for _, address, _ in reading.plan.members]
            self._names.forget_others(kept)
        self._kept, self._lines, self._epoch, self._before = kept, lines, epoch, latest
        return lines

    def _places(self, seen: Seen, before: _Latest | None, latest: _Latest | None) -> Sequence[int]:
        """Return the members whose rows may have changed: few, where the plan is the same."""
        reading = seen.reading
        everything = range(len(reading.structures))
        if before is None or latest is None or before.planned is not latest.planned:
            return everything
        if (before.owners, before.stacks) != (latest.owners, latest.stacks):
            return everything
        moved = latest.doubtful | before.doubtful
        if before.structures != latest.structures:
            moved.update(compress(everything, map(ne, before.structures, latest.structures)))
        # What was read again had other contributions than the arrays of its reading.
        changed = self._contributions.changed | before.again | latest.again
        moved.update(reading.plan.places(changed))
        return sorted(moved)

    def _make(
        self, member: Member, words: bytes, facts: _Facts, owners: Mapping[int, int]
    ) -> _Kept:
        """Make one row."""
        unique_id, address, kind = member
        head = (facts.name, kind, address, facts.interpreter, unique_id)
        if not holds_id(self._layout, member, words):
            return _Kept(words, 0, (*head, "?", None, None, None, 0, _NOTHING, *_UNREAD))
        tid, state, local, shared, bias, net, torn = count(words)
        mine, stack, bounds = facts.contributions, facts.stack, facts.bounds
        if net is None:
            row: Row = (*head, state, None, None, None, 0, mine, *_UNCOUNTED)
            return _Kept(words, tid, row)
        total = counted = net + sum(mine.values())
        deferred = None
        if stack is not None:
            deferred = sum(stack.values())
            total += deferred
            if facts.doubt:
                bounds = (total - facts.doubt, total)
        settled = bounds is None and not torn
        words_now = (state, owners.get(tid), local, shared, bias, mine)
        freed = self._deallocators.of(words) if kind == "type" else None
        where, base = freed or (None, 0)
        freed_by = self._name_of(base) if base else None
        row = (*head, *words_now, counted, deferred, total, settled, bounds, stack, where, freed_by)
        return _Kept(words, tid, row)

    def _name_of(self, address: int) -> str | None:
        """Return the name of another object of the reading; None for one that is not in it."""
        before = self._kept.get(address)
        return self._named.get(address, before.row[_NAME] if before else None)


class _Kept(NamedTuple):
    """A row and what it was made from."""

    words: bytes
    tid: int
    row: Row


class _Latest(NamedTuple):
    """What the rows of the latest reading rest on."""

    planned: Plan
    owners: dict[int, int]
    stacks: dict[int, dict[int, int]] | None
    structures: list[bytes]
    doubtful: set[int]
    """Places of rows with bounds."""
    again: set[int]
    """Indices of contributions that were read again."""


def _latest(
    seen: Seen, owners: dict[int, int], stacks: dict[int, dict[int, int]] | None
) -> _Latest | None:
    """Return what rows of this reading rest on; None where its plan was not read as it is."""
    reading = seen.reading
    if seen.planned is not reading.plan:
        return None
    everything = range(len(reading.structures))
    doubtful = set(compress(everything, seen.bounds)) if any(seen.bounds) else set()
    return _Latest(seen.planned, owners, stacks, reading.structures, doubtful, set(seen.again))


class _Facts(NamedTuple):
    """What of a row is not in the object's own words."""

    name: str
    interpreter: int
    contributions: Mapping[int, int]
    stack: Mapping[int, int] | None
    bounds: Bounds | None
    doubt: int


def _by_object(stacks: Stacks | None) -> dict[int, dict[int, int]] | None:
    """Turn thread -> object -> references into object -> thread -> references."""
    if stacks is None:
        return None
    found: dict[int, dict[int, int]] = {}
    for native_id, references in stacks.by_thread.items():
        for address, number in references.items():
            found.setdefault(address, {})[native_id] = number
    return found
