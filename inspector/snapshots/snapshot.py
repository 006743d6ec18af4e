"""One reading of a process as frozen values; no I/O, no addresses followed.

Rows are kept as plain tuples and become :class:`ObjectCount` when they are asked for.
Otherwise a snapshot that a program keeps would be thousands of instances of a heap type,
which the next snapshot would count.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

from inspector.errors import AmbiguousName, NoSuchObject
from inspector.snapshots.interpreter import (
    InterpreterCount,
    PoolCount,
    PoolLife,
    TargetInfo,
    ThreadCount,
)
from inspector.snapshots.object_count import KINDS, ObjectCount
from inspector.snapshots.own_types import is_type, name_of
from inspector.snapshots.row_verdict import make_judged_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.analysis.comparison import Comparison
    from inspector.snapshots.heap import Histogram, TypeUse

__all__ = [
    "KINDS",
    "InterpreterCount",
    "ObjectCount",
    "PoolCount",
    "PoolLife",
    "Snapshot",
    "TargetInfo",
    "ThreadCount",
]


class Snapshot:
    """One reading of a process: iterable, and indexed by type, name or address."""

    target: TargetInfo
    exact: bool
    """Every interpreter was read at one instant; otherwise see ``settled`` of each row."""
    pause_ns: int | None
    """Nanoseconds from the request to stop until all threads ran again; None without a pause."""
    interpreters: tuple[InterpreterCount, ...]
    taken_ns: int
    """``time.time_ns()`` of the reading."""
    tries: int
    """Attempts until a reading was consistent."""
    rows: tuple[tuple[Any, ...], ...]
    """The fields of each :class:`ObjectCount`, in their order."""
    why_not_exact: str | None
    """Why the own process cannot be stopped; None if it can, and for another process."""
    heap: Histogram | None
    """Instances and bytes of every type, read after the counts; None where it was not read.  A
    recording has the latest one that was read until then."""
    why_no_heap: str | None
    """Why the heap could not be read though it was asked for."""

    # Not a dataclass, whose import takes a tenth of the time of `inspector dump --json`, and
    # not a tuple, which cannot be indexed by name.
    _fields: Final = (
        *("target", "exact", "pause_ns", "interpreters", "taken_ns", "tries", "rows"),
        *("why_not_exact", "heap", "why_no_heap"),
    )

    def __init__(self, **facts: object) -> None:
        for name in ("why_not_exact", "heap", "why_no_heap"):
            facts.setdefault(name, None)
        if facts.keys() != set(self._fields):
            raise TypeError(f"a snapshot is made of {', '.join(self._fields)}")
        vars(self).update(facts)

    def _facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self._fields}

    def _replace(self, **changes: object) -> Snapshot:
        """Return a snapshot that differs in some of these."""
        return Snapshot(**{**self._facts(), **changes})

    __replace__ = _replace  # for copy.replace, as tuples and dataclasses have it

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a snapshot does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self._facts() == other._facts()

    def __hash__(self) -> int:
        return hash((self.target, self.taken_ns))

    @property
    def threads(self) -> tuple[ThreadCount, ...]:
        """Every thread of every interpreter."""
        threads: list[ThreadCount] = []
        for interpreter in self.interpreters:
            threads += interpreter.threads
        return tuple(threads)

    @property
    def pool(self) -> PoolCount:
        """The pool of the first interpreter listed: the main one, or the own one."""
        return self.interpreters[0].pool

    def column(self, field: str) -> list[Any]:
        """Return one field of every row, by its name; faster than making the rows."""
        place = ObjectCount._fields.index(field)
        return [values[place] for values in self.rows]

    def __iter__(self) -> Iterator[ObjectCount]:
        return map(ObjectCount._make, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def _by_address(self) -> dict[int, int]:
        return {address: place for place, address in enumerate(self.column("address"))}

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        names: dict[str, list[int]] = {}
        for place, name in enumerate(self.column("name")):
            names.setdefault(name, []).append(place)
        return names

    def __contains__(self, key: object) -> bool:
        try:
            self[key]
        except LookupError:
            return False
        return True

    def __getitem__(self, key: object) -> ObjectCount:
        """Return the row of a type object, a name, or an address.

        A name is ``module.qualname``, or its end after a dot if no other name ends so.  Raises
        :class:`NoSuchObject`, or :class:`AmbiguousName` for a name of several objects.  A
        type object means its address in the own process, and its name in another one.
        """
        if is_type(key):
            own = self.target.pid == os.getpid()
            key = id(key) if own else name_of(key)
        if isinstance(key, int):
            found = [self._by_address[key]] if key in self._by_address else []
        else:
            found = self._find_places(str(key))
        if not found:
            raise self._make_missing_error(key)
        if len(found) > 1:
            raise self._make_ambiguity_error(key, found)
        return self._row(found[0])

    def _find_places(self, word: str) -> list[int]:
        """Return the places of the rows that a name means."""
        if word in self._by_name:
            return self._by_name[word]
        from inspector.snapshots.name_search import find_names

        places = []
        for name in find_names(self._by_name, word):
            places += self._by_name[name]
        return places

    def _make_missing_error(self, key: object) -> NoSuchObject:
        """Return the error for a key without a row; it suggests names that are nearly the same."""
        if isinstance(key, int):
            message = f"no counted object at {key:#x}"
            return NoSuchObject(message, subject=key, hint="static types are not counted")
        from inspector.snapshots.name_search import suggest_names

        noun = "type" if "type" in self.column("kind") else "object"
        alike = suggest_names(self._by_name, str(key))
        hint = "static types are not counted; names are module.qualname"
        if alike:
            hint = f"did you mean {' or '.join(alike)}?"
        return NoSuchObject(f"no {noun} named {key}", subject=key, hint=hint)

    def _make_ambiguity_error(self, key: object, places: list[int]) -> AmbiguousName:
        """Return the error for a name of several objects, with what tells them apart."""
        rows = [self._row(place) for place in places[:8]]
        names = {row.name for row in rows}
        if len(names) == 1:
            text = f"{len(places)} objects are named {key}"
            words = [f"{row.address:#x}" for row in rows]
            hint = f"use the type object or an address: {', '.join(words)}"
        else:
            text = f"{len(places)} names end in {key}"
            hint = f"give more of the name: {', '.join(sorted(names))}"
        return AmbiguousName(text, subject=key, hint=hint)

    def top(self, number: int = 10) -> Snapshot:
        """Return the snapshot with the rows of the largest totals only, the largest first."""
        rows = sorted(self, key=lambda row: (row.total is None, -abs(row.total or 0), row.name))
        return self._replace(rows=tuple(tuple(row) for row in rows[:number]))

    def __sub__(self, before: object) -> Comparison:
        """Return what changed since an earlier snapshot, the largest change first."""
        if not isinstance(before, Snapshot):
            return NotImplemented
        from inspector.analysis.comparison import compare_snapshots

        return compare_snapshots(before, self)

    def _repr_html_(self) -> str:
        from inspector.snapshots.html_table import format_known, make_html_table

        rows = []
        for row in self.top(20):
            numbers = (row.total, row.local, row.unbiased, row.contributed, row.deferred)
            rows.append((row.name, *map(format_known, numbers)))
        heads = ("name", "total", "local", "shared", "threads", "stack")
        return make_html_table(f"{len(rows):,} of {len(self):,}, {self!r}", heads, rows)

    def _row(self, place: int) -> ObjectCount:
        return ObjectCount._make(self.rows[place])

    @cached_property
    def _uses(self) -> dict[tuple[int | None, int], TypeUse]:
        types = () if self.heap is None else self.heap.types
        return {(use.interpreter, use.address): use for use in types}

    def find_use(self, row: ObjectCount) -> TypeUse | None:
        """Return the instances of a type; None where the heap was not read, or is older."""
        heap = self.heap
        if heap is None or row.kind not in {"type", "static"}:
            return None
        found = self._uses.get((row.interpreter, row.address))
        # A segment may be nobody's for a moment; the type of its objects is still theirs.
        found = found or self._uses.get((None, row.address))
        if found is not None or heap.taken_ns < self.taken_ns or not heap.is_complete:
            return found
        from inspector.snapshots.heap import TypeUse

        return TypeUse(row.name, row.address, row.interpreter, 0, 0, 0, 0, None)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that ``--json`` prints.

        Where the heap was read, objects have ``instances``, ``bytes`` and ``attached``, and
        ``heap`` has all types, also those without a count.
        """
        objects = []
        for row in self:
            document = make_judged_document(row, gil_enabled=self.target.gil_enabled)
            if self.heap is not None:
                document |= self._describe_use(row)
            objects.append(document)
        return {
            "target": self.target._asdict(),
            "exact": self.exact,
            "why_not_exact": self.why_not_exact,
            "pause_ns": self.pause_ns,
            "taken_ns": self.taken_ns,
            "tries": self.tries,
            "interpreters": [interpreter.as_dict() for interpreter in self.interpreters],
            "heap": None if self.heap is None else self.heap.as_dict(),
            "why_no_heap": self.why_no_heap,
            "objects": objects,
        }

    def _describe_use(self, row: ObjectCount) -> dict[str, int | None]:
        """Return what the JSON form of an object says of its instances."""
        use = self.find_use(row)
        if use is None:
            return {"instances": None, "bytes": None, "attached": None}
        return {"instances": use.instances, "bytes": use.bytes, "attached": use.attached}

    def __repr__(self) -> str:
        how = "exact" if self.exact else "not exact"
        pause = "" if self.pause_ns is None else f", paused {self.pause_ns / 1e6:.2f} ms"
        return (
            f"<Snapshot of pid {self.target.pid}: {len(self)} objects, "
            f"{len(self.threads)} threads, {how}{pause}>"
        )
