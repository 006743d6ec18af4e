"""What the structure of a type of this process tells: who frees it, who visits it.

Knows: the first words of ``PyTypeObject`` (Include/cpython/object.h), which are the same in
every CPython with or without the GIL, so that no layout has to be found.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING, Final

from inspector.cpython.layout import HEAP_TYPE
from inspector.verdict.evidence import HEADER, PER_THREAD

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TP_NAME", "find_deallocator", "flags_of", "gil_is_enabled", "is_immortal", "is_visited"]

flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__
_base_of: Callable[[type], type | None] = type.__dict__["__base__"].__get__

WORD: Final = 8

TP_NAME: Final = object.__basicsize__ + WORD
"""Offset of ``tp_name``: behind the header and ``ob_size``."""

DEALLOC: Final = TP_NAME + 3 * WORD
"""Offset of ``tp_dealloc``: two sizes lie between."""

TRAVERSE: Final = DEALLOC + 17 * WORD
"""Offset of ``tp_traverse``."""

MANY: Final = 1 << 30
"""References that no mortal object without deferred counting has; immortal ones, from Python
3.12 on, have more, and all of them as many."""

HAVE_GC: Final = 1 << 14
"""``Py_TPFLAGS_HAVE_GC``."""


class _Plain:
    """A class of Python code: has what CPython gives to all of them."""


def _read_slot(subject: type, offset: int) -> int:
    """Return a pointer that stands in the structure of a type."""
    # The type is alive, and as long as that.
    return ctypes.c_size_t.from_address(id(subject) + offset).value


@cache
def _python_slot(offset: int) -> int:
    """Return ``subtype_dealloc`` or ``subtype_traverse``."""
    return _read_slot(_Plain, offset)


def _find_owner(subject: type, offset: int) -> tuple[type, int]:
    """Return the nearest base with a slot of its own, and the slot."""
    while True:
        pointer = _read_slot(subject, offset)
        base = _base_of(subject)
        if pointer != _python_slot(offset) or base is None:
            return subject, pointer
        subject = base


def find_deallocator(subject: type) -> tuple[str, type]:
    """Return where instances give the reference to their type back, and whose code does it.

    ``subtype_dealloc`` (Objects/typeobject.c) counts in the thread's array where the nearest
    base with another deallocator is static.  The deallocator of a heap type, written in C,
    counts in the header, for every class derived from it as well.
    """
    owner, _ = _find_owner(subject, DEALLOC)
    return HEADER if flags_of(owner) & HEAP_TYPE else PER_THREAD, owner


def is_visited(subject: type) -> bool:
    """Whether the collector surely sees the reference that an instance holds to its type.

    ``subtype_traverse`` (Objects/typeobject.c) visits the type unless the nearest base with
    another ``tp_traverse`` is a heap type, whose own code may do that, or forget it.
    """
    if not flags_of(subject) & HAVE_GC:
        return False
    owner, pointer = _find_owner(subject, TRAVERSE)
    return owner is not subject and not (pointer and flags_of(owner) & HEAP_TYPE)


def is_immortal(subject: type) -> bool:
    """Whether CPython counts no references to a type, for good."""
    count = sys.getrefcount(subject)
    return count >= MANY and count == sys.getrefcount(None)


def gil_is_enabled() -> bool:
    """Whether one thread at a time runs Python code, in this process and now."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())
