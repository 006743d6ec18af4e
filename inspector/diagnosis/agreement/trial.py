"""One offset and what speaks for it; and the target in which that is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inspector.cpython.layout import Offset

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["Agreement", "Look", "Trial"]


class Agreement(NamedTuple):
    """One offset, and whether what must hold if it is right does hold."""

    offset: Offset
    ok: bool | None
    """None where there was nothing to test it with."""


class Trial(NamedTuple):
    """What was seen of something that must hold of each of several things."""

    field: str
    value: int
    source: str
    holds: Mapping[int, bool]
    """By the address of each thing."""
    said: str

    def agreement(self, there: Container[int] | None = None) -> Agreement:
        """Return what this says, of those things only that still are there."""
        holds = [good for at, good in self.holds.items() if there is None or at in there]
        agreed, asked = sum(holds), len(holds)
        text = f"{agreed:,} of {asked:,} {self.said}"
        if not asked:
            text = "nothing there to test it with"
        offset = Offset(self.field, self.value, self.source, text)
        return Agreement(offset, agreed == asked if asked else None)


class Look(NamedTuple):
    """A process that is looked at."""

    memory: Memory
    layout: Layout

    def pointers(self, addresses: Iterable[int]) -> list[int]:
        """Return the word at each address, 0 where it cannot be read."""
        pieces = self.memory.read_many([(address, 8) for address in addresses])
        return [int.from_bytes(piece or b"", "little") for piece in pieces]

    def have_flag(self, objects: Iterable[int], flag: int) -> list[bool]:
        """Tell for each object whether its type has a flag; False for what is no object."""
        published = self.layout.published
        kinds = self.pointers(each + published["pyobject.ob_type"] for each in objects)
        flags = self.pointers(each + published["type_object.tp_flags"] for each in kinds)
        return [bool(each & flag) for each in flags]

    def published(
        self, field: str, things: Iterable[int], holds: Sequence[bool], said: str
    ) -> Trial:
        """Return the trial of an offset that the target publishes."""
        by_thing = dict(zip(things, holds, strict=True))
        return Trial(field, self.layout.published[field], "published", by_thing, said)
