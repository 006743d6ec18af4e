"""The names of the marks, and whether a test has one: all that a run without marks loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

__all__ = ["UNSUPPORTED", "is_marked"]

MARKS: Final = ("no_type_leaks", "balanced")

UNSUPPORTED: Final = ("fallback", "skip", "fail")
"""What to do with a mark that this Python cannot check."""


def is_marked(item: pytest.Item | pytest.Collector) -> bool:
    """Whether a test has a mark of this plugin: its own, its class's or its module's."""
    for mark in MARKS:
        if item.get_closest_marker(mark) is not None:
            return True
    return False
