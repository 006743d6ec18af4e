"""Checks of single offsets, and the process in which they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inspector.cpython.layout import Offset

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["CheckedOffset", "FieldCheck", "ProcessView"]


class CheckedOffset(NamedTuple):
    """An offset, and whether it was confirmed."""

    offset: Offset
    ok: bool | None
    """None where the process has nothing to check it with."""


class FieldCheck(NamedTuple):
    """Whether a condition, which holds if an offset is right, holds for each of many objects."""

    field: str
    value: int
    source: str
    holds: Mapping[int, bool]
    """Address of the object -> whether the condition holds."""
    condition: str
    """The condition in words, which follow "12 of 12"."""

    def result(self, alive: Container[int] | None = None) -> CheckedOffset:
        """Return what the check shows, of objects at the addresses ``alive`` if given."""
        confirmed = checked = 0
        for address, good in self.holds.items():
            if alive is None or address in alive:
                checked += 1
                confirmed += good
        evidence = f"{confirmed:,} of {checked:,} {self.condition}"
        if not checked:
            evidence = "nothing there to test it with"
        offset = Offset(self.field, self.value, self.source, evidence)
        return CheckedOffset(offset, confirmed == checked if checked else None)


class ProcessView(NamedTuple):
    """The memory of a process, and the layout whose offsets are checked."""

    memory: Memory
    layout: Layout

    def read_pointers(self, objects: Iterable[int], offset: int = 0) -> list[int]:
        """Return the word at an offset in each object, 0 where it cannot be read."""
        words = []
        for piece in self.memory.read_many([(address + offset, 8) for address in objects]):
            words.append(int.from_bytes(piece or b"", "little"))
        return words

    def types_have_flag(self, objects: Iterable[int], flag: int) -> list[bool]:
        """Return whether the type of each object has a flag; False for what is no object."""
        types = self.read_types(objects)
        found = []
        for flags in self.read_pointers(types, self.layout.published["type_object.tp_flags"]):
            found.append(bool(flags & flag))
        return found

    def read_types(self, objects: Iterable[int]) -> list[int]:
        """Return the address of each object's type, 0 where it cannot be read."""
        return self.read_pointers(objects, self.layout.published["pyobject.ob_type"])

    def check_published(
        self, field: str, objects: Iterable[int], holds: Sequence[bool], condition: str
    ) -> FieldCheck:
        """Return the check of an offset that the process publishes."""
        by_address = dict(zip(objects, holds, strict=True))
        return FieldCheck(field, self.layout.published[field], "published", by_address, condition)
