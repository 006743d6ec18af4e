"""What an object of a pool is: a type, a code object, a dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.cpython.members import basic_types, kinds_of
from inspector.cpython.words import read_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["classify"]


def classify(
    memory: Memory, layout: Layout, members: Mapping[int, int]
) -> dict[tuple[int, int], str]:
    """Tell the kind of each object (index -> address); leave out what is none of ours."""
    at = layout.published["pyobject.ob_type"]
    ob_types = read_words(memory, [address + at for address in members.values()])
    kinds, _ = kinds_of(memory, basic_types(layout.published), set(ob_types))
    return {
        place: kinds[ob_type]
        for place, ob_type in zip(members.items(), ob_types, strict=True)
        if ob_type in kinds
    }
