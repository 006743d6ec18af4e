"""Kinds of objects with a unique id (types, code objects, dictionaries), and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.id_offsets import classify_types, read_type_offsets
from inspector.cpython.words import read_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["STATIC", "Member", "classify_objects", "holds_id", "list_structure_sizes"]

STATIC: Final = "static"
"""The kind of static types."""

Member = tuple[int, int, str]
"""An object to be read: unique id (0 for one in no pool), address, kind.

A plain tuple: there is one per object while the world is stopped, and the reading would
count instances of a class.
"""


def classify_objects(
    memory: Memory, layout: Layout, objects: Mapping[int, int]
) -> dict[tuple[int, int], str]:
    """Return the kind of each object (index -> address), by index and address.

    Leaves out objects that are neither types nor code objects nor dictionaries.
    """
    at = layout.published["pyobject.ob_type"]
    ob_types = read_words(memory, [address + at for address in objects.values()])
    kinds, _ = classify_types(memory, read_type_offsets(layout.published), set(ob_types))
    found: dict[tuple[int, int], str] = {}
    for entry, ob_type in zip(objects.items(), ob_types, strict=True):
        if ob_type in kinds:
            found[entry] = kinds[ob_type]
    return found


def list_structure_sizes(layout: Layout) -> dict[str, int]:
    """Return kind -> bytes from the start of an object to the end of its unique id."""
    return {
        "type": layout.type_unique_id + 8,
        "code": layout.code_unique_id + 8,
        "dict": layout.dict_watcher_tag + 8,
        STATIC: layout.published["type_object.size"],
    }


def holds_id(layout: Layout, member: Member, words: bytes) -> bool:
    """Whether an object's structure has the unique id under which the pool lists it."""
    unique_id, _, kind = member
    if not unique_id:
        return bool(words)
    if kind == "dict":
        at, size = layout.dict_watcher_tag + 4, 4
    else:
        at, size = layout.type_unique_id if kind == "type" else layout.code_unique_id, 8
    return int.from_bytes(words[at : at + size], "little") == unique_id
