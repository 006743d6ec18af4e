"""What a process has lost: references that no word of its memory holds."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from inspector.errors import FileError
from inspector.snapshots.compressed_files import open_decompressed
from inspector.snapshots.documents import PARSE_ERRORS

__all__ = ["HELD", "Garbage", "Leaks", "LostType", "OrphanGroup", "Sample", "read_leaks_file"]

LONGEST_DOCUMENT: Final = 1 << 28
"""Bytes."""

SCHEMA: Final = 1
"""Of the JSON document here."""

HELD: Final = ("none", "partly", "interior")
"""What words hold of an orphan: nothing; less than its references; its inside only, which is
no leak."""


class LostType(NamedTuple):
    """A heap type with references that no word of memory holds."""

    name: str
    address: int
    total: int
    """Its references, without uncounted ones on stacks."""
    lost: int | None
    """Of these, at least so many are lost; None where not all of the memory was searched."""
    growing: int | None = None
    """More than in the reading before; None without one."""


class Sample(NamedTuple):
    """One object of a group."""

    address: int
    repr: str | None
    """Its value, where it was asked for and can be read."""


class OrphanGroup(NamedTuple):
    """Objects of one type that have more references than words of memory hold."""

    type: str
    objects: int
    missing: int | None
    """References that no word explains, at least; None where not all of the memory was
    searched, 0 where pointers into the objects may be what holds them."""
    held: str
    """One of :data:`HELD`."""
    bytes: int
    """Of their own blocks."""
    sample: tuple[Sample, ...]
    growing: int | None = None
    """Missing references more than in the reading before; None without one."""
    below: int | None = None
    """Bytes of what only they hold; None where that was not looked for."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self._asdict(), "sample": [each._asdict() for each in self.sample]}


class Garbage(NamedTuple):
    """Objects of one type that only each other reach: they await a collection."""

    type: str
    objects: int
    bytes: int


class Leaks(NamedTuple):
    """What one reading, or two, show of a process."""

    target: dict[str, Any]
    """The process: ``pid``, ``version``, ``gil_enabled``, ``command``."""
    proved: bool
    """The process stood still, and all of its memory was searched."""
    pause_ns: int | None
    """For how many nanoseconds the process stood still; None if it ran on."""
    taken_ns: int
    """When, in nanoseconds of ``time.time_ns``."""
    searched: int
    """Bytes that were searched."""
    unsearched: tuple[str, ...]
    """What was not searched."""
    types: tuple[LostType, ...]
    orphans: tuple[OrphanGroup, ...]
    garbage: tuple[Garbage, ...] | None = None
    """None where nobody looked for it."""
    seconds: float | None = None
    """Since the reading before; None without one."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that ``leaks --json`` prints."""
        garbage = self.garbage
        return {
            "schema": SCHEMA,
            **self._asdict(),
            "unsearched": list(self.unsearched),
            "types": [each._asdict() for each in self.types],
            "orphans": [orphan.as_dict() for orphan in self.orphans],
            "garbage": None if garbage is None else [each._asdict() for each in garbage],
        }


def read_leaks_file(path: str) -> Leaks:
    """Return the reading in a document of ``leaks --json``, which may be compressed.

    Raises :class:`FileError` for any other file.
    """
    try:
        with open_decompressed(path, b"{") as file:
            return _parse_leaks(json.loads(file.read(LONGEST_DOCUMENT)))
    except (*PARSE_ERRORS, AttributeError) as error:
        raise FileError(
            f"{path} is not a document of leaks --json",
            path=path,
            hint="inspector leaks PID --blocking --json writes one",
        ) from error


def _parse_leaks(document: dict[str, Any]) -> Leaks:
    """Return what :meth:`Leaks.as_dict` made a document of."""
    types = [
        LostType(**{name: each[name] for name in LostType._fields}) for each in document["types"]
    ]
    orphans = []
    for each in document["orphans"]:
        fields = {name: each[name] for name in OrphanGroup._fields}
        fields["sample"] = tuple(Sample(one["address"], one["repr"]) for one in each["sample"])
        orphans.append(OrphanGroup(**fields))
    garbage = document["garbage"]
    if garbage is not None:
        garbage = tuple(Garbage(one["type"], one["objects"], one["bytes"]) for one in garbage)
    return Leaks(
        target=dict(document["target"]),
        proved=bool(document["proved"]),
        pause_ns=document["pause_ns"],
        taken_ns=int(document["taken_ns"]),
        searched=int(document["searched"]),
        unsearched=tuple(document["unsearched"]),
        types=tuple(types),
        orphans=tuple(orphans),
        garbage=garbage,
        seconds=document["seconds"],
    )
