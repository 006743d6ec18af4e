"""Rows of a snapshot, made from the bytes of a reading, and kept for the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from inspector.cpython.names import Names
from inspector.cpython.refcount import decode_count
from inspector.cpython.words import word_at
from inspector.process.hook import NO_HOOK, Hook
from inspector.reader.contributions import Contributions
from inspector.reader.deallocators import Deallocators
from inspector.reader.kinds import Member, holds_id
from inspector.snapshots.object_count import ObjectCount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.reader.reading import Bounds, Reading
    from inspector.reader.stacks import Stacks

__all__ = ["Row", "Rows", "count_references"]

Row: TypeAlias = tuple[Any, ...]
"""The fields of one :class:`ObjectCount`, plain: see :mod:`inspector.snapshots.snapshot`."""

Source: TypeAlias = (
    "tuple[bytes, Mapping[int, int], Mapping[int, int] | None, int | None, Bounds | None, int]"
)
"""What a row is made from: the object's structure, its contributions, its references on
stacks, the native id of its owner, its bounds, and how many references on stacks are doubtful."""

_NOTHING: Final[dict[int, int]] = {}

_UNREAD: Final[dict[str, Any]] = {
    **dict.fromkeys(ObjectCount._fields),
    "state": "?",
    "bias": 0,
    "contributions": _NOTHING,
    "settled": False,
}


def count_references(words: bytes, contributions: Mapping[int, int]) -> int | None:
    """Return local + shared - bias + contributions; None for an immortal object."""
    net = decode_count(words).net
    return None if net is None else net + sum(contributions.values())


class Rows:
    """Makes the rows of one interpreter; those of objects that did not change are reused."""

    def __init__(
        self, memory: Memory, layout: Layout, interpreter: int, hook: Hook = NO_HOOK
    ) -> None:
        """Prepare the rows of an interpreter, which has CPython's id ``interpreter``."""
        self._layout = layout
        self._hook = hook
        self._interpreter = interpreter
        self._names = Names(memory, layout)
        self._contributions = Contributions()
        self._deallocators = Deallocators(memory, layout)
        tag = layout.type_field("tp_version_tag")
        self._tag = slice(tag, tag + 4)
        self._before: Reading | None = None
        self._owners: dict[int, int] = {}
        self._sources: dict[int, Source] = {}
        self._rows: dict[int, Row] = {}
        """Sources and rows by the object's address."""
        self._latest: list[Row] = []

    def make_rows(self, reading: Reading) -> list[Row]:
        """Return the fields of one :class:`ObjectCount` per member.

        A member whose structure does not have its id was being created or freed: its
        counts are None.
        """
        # Cleared until the rows are complete, so that an interrupted call leaves no wrong state.
        before, self._before = self._before, None
        contributions = self._contributions.update(reading.threads, reading.arrays)
        owners = {thread.thread_id: thread.native_id for thread in reading.threads}
        stacks = _group_by_object(reading.stacks)
        some = self._find_suspects(before, reading, owners)
        epoch = reading.plan.epoch
        same_objects = before is not None and epoch is not None and epoch == before.plan.epoch
        new: dict[int, Source] = {}
        for place in range(len(reading.members)) if some is None else some:
            unique_id, address, kind = reading.members[place]
            words = reading.structures[place]
            index = unique_id - 1
            source = (
                words,
                reading.reread.get(index, contributions.get(index, _NOTHING)),
                None if stacks is None else stacks.get(address, _NOTHING),
                owners.get(word_at(words, 0)),
                reading.bounds.get(address),
                reading.stacks.doubtful.get(address, 0) if reading.stacks else 0,
            )
            # Another object may have taken the place of one that was collected, with the
            # same words; a type's version tag is never given to another type.
            same = same_objects or (kind == "type" and any(words[self._tag]))
            if not same or source != self._sources.get(address):
                new[place] = source
        self._make_new_rows(reading, new)
        if some is None:
            rows = [self._rows[address] for _, address, _ in reading.members]
            self._forget_others(reading.members)
        else:
            rows = list(self._latest)
            for place in new:
                _, address, _ = reading.members[place]
                rows[place] = self._rows[address]
        self._latest, self._owners, self._before = rows, owners, reading
        return rows

    def _find_suspects(
        self, before: Reading | None, now: Reading, owners: dict[int, int]
    ) -> Iterable[int] | None:
        """Return the places of members whose rows may have changed; None if any may have."""
        if (
            before is None
            or now.members is not before.members
            or (now.stacks, owners) != (before.stacks, self._owners)
        ):
            return None
        # Objects that were read again have other contributions than the arrays.
        indices = self._contributions.changed | before.reread.keys() | now.reread.keys()
        found = set(now.plan.find_places(indices))
        for address in before.bounds.keys() | now.bounds.keys():
            found.add(now.plan.places[address])
        if before.structures != now.structures:
            pairs = zip(before.structures, now.structures, strict=True)
            for place, (old, new) in enumerate(pairs):
                if old is not new:
                    found.add(place)
        return sorted(found)

    def _make_new_rows(self, reading: Reading, sources: Mapping[int, Source]) -> None:
        """Make the rows of members (by place) that are new or have changed."""
        epoch = reading.plan.epoch
        objects = []
        for place in sources:
            _, address, kind = reading.members[place]
            objects.append((kind, address, reading.structures[place]))
        with self._hook.phase("names"):
            names = self._names.of(objects, epoch)
        if sources and not reading.plan.request.only:
            types = []
            for (_, _, kind), words in zip(reading.members, reading.structures, strict=True):
                if kind == "type":
                    types.append(words)
            self._deallocators.learn_types(types, epoch)
        named = {address: name for (_, address, _), name in zip(objects, names, strict=True)}
        for place, source in sources.items():
            member = reading.members[place]
            _, address, _ = member
            self._rows[address] = self._make_row(member, source, named)
            self._sources[address] = source

    def _make_row(self, member: Member, source: Source, named: Mapping[int, str]) -> Row:
        """Make the row of one object; ``named`` are the names of all whose rows are made."""
        unique_id, address, kind = member
        words, contributions, stacks, owner, bounds, doubtful = source
        # A dictionary in the order of the fields takes a third of the time of a named tuple
        # with keywords, which matters for thousands of new rows.
        fields: dict[str, Any] = {
            **_UNREAD,
            "name": named[address],
            "kind": kind,
            "address": address,
            "interpreter": self._interpreter,
            "unique_id": unique_id,
        }
        if not holds_id(self._layout, member, words):
            return tuple(fields.values())
        header = decode_count(words)
        fields["state"] = header.state
        fields["contributions"] = contributions
        if header.net is None:
            fields["settled"] = True
            return tuple(fields.values())
        fields["owner"] = owner
        fields["local"] = header.local
        fields["shared"] = header.shared
        fields["bias"] = header.bias
        fields["counted"] = fields["total"] = header.net + sum(contributions.values())
        if stacks is not None:
            fields["stacks"] = stacks
            fields["deferred"] = sum(stacks.values())
            fields["total"] += fields["deferred"]
            if doubtful:
                bounds = (fields["total"] - doubtful, fields["total"])
        fields["bounds"] = bounds
        fields["settled"] = bounds is None and not header.torn
        if kind == "type" and (freed := self._deallocators.find(words)):
            fields["deallocator"], base = freed
            fields["deallocator_of"] = self._find_name(base, named) if base else None
        return tuple(fields.values())

    def _find_name(self, address: int, named: Mapping[int, str]) -> str | None:
        """Return the name of any object of the reading; None for other objects."""
        if address in named or address not in self._rows:
            return named.get(address)
        return ObjectCount._make(self._rows[address]).name

    def _forget_others(self, members: list[Member]) -> None:
        """Keep only the rows of these members."""
        if len(self._rows) > len(members):
            addresses = [address for _, address, _ in members]
            self._rows = {address: self._rows[address] for address in addresses}
            self._sources = {address: self._sources[address] for address in addresses}
        self._names.forget_others(self._rows)


def _group_by_object(stacks: Stacks | None) -> dict[int, dict[int, int]] | None:
    """Turn thread -> object -> references into object -> thread -> references."""
    if stacks is None:
        return None
    found: dict[int, dict[int, int]] = {}
    for native_id, references in stacks.by_thread.items():
        for address, number in references.items():
            found.setdefault(address, {})[native_id] = number
    return found
