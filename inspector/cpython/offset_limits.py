"""Limits for the offsets that a target publishes.

Offsets decide how many bytes are read, and where in them a field is looked up.  A corrupt block,
or one of a version with another order, is refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_offsets"]

STRUCT_LIMITS: Final = {
    "runtime_state.size": 1 << 24,
    "interpreter_state.size": 1 << 22,
    "thread_state.size": 1 << 14,
    "interpreter_frame.size": 1 << 12,
    "type_object.size": 1 << 12,
    "code_object.size": 1 << 12,
    "dict_object.size": 1 << 12,
    "gen_object.size": 1 << 12,
    "unicode_object.size": 1 << 7,
}
"""Largest sizes in bytes that are believed, many times the real ones."""

OFFSET_LIMIT: Final = 1 << 24

READ_TOGETHER: Final = {
    "thread_state.native_thread_id": {
        "thread_state.next": 8,
        "thread_state.interp": 8,
        "thread_state.thread_id": 8,
        "thread_state.status": 4,
    },
    "interpreter_frame.localsplus": {
        "interpreter_frame.executable": 8,
        "interpreter_frame.previous": 8,
        "interpreter_frame.stackpointer": 8,
        "interpreter_frame.owner": 1,
    },
    "unicode_object.asciiobject_size": {
        "unicode_object.length": 8,
        "unicode_object.state": 4,
    },
}
"""Last member of a read -> members that must lie before it, with their sizes in bytes."""

ADJACENT: Final = {
    # The link of a list must be the second word of its nodes (process/linked_lists.py).
    "interpreter_frame.previous": ("interpreter_frame.executable", 8),
    "dict_object.ma_values": ("dict_object.ma_keys", 8),
}
"""Member -> the member that must stand before it, and their distance in bytes."""


def check_offsets(offsets: Mapping[str, int]) -> None:
    """Raise :class:`LayoutError` for offsets that no build can have."""
    for name, value in offsets.items():
        limit = STRUCT_LIMITS.get(name, OFFSET_LIMIT)
        if value > limit or (value == 0 and name in STRUCT_LIMITS):
            raise _make_offset_error(name, f"1 to {limit}", value)
        size = offsets.get(f"{name.partition('.')[0]}.size", 0)
        if size and value >= size and not name.endswith("size"):
            raise _make_offset_error(name, f"less than the {size} bytes of its structure", value)
    for end, members in READ_TOGETHER.items():
        for name, size in members.items():
            if offsets[name] + size > offsets[end]:
                raise _make_offset_error(
                    name, f"a place before {end}, {offsets[end]}", offsets[name]
                )
    for name, (before, distance) in ADJACENT.items():
        expected = offsets[before] + distance
        if offsets[name] != expected:
            raise _make_offset_error(name, str(expected), offsets[name])


def _make_offset_error(name: str, expected: str, found: int) -> LayoutError:
    return LayoutError(
        name,
        expected=expected,
        found=str(found),
        hint="a version or build that inspector does not know; please report it",
    )
