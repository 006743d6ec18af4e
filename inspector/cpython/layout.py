"""The offsets of one process that CPython does not publish.

A :class:`Layout` is what :mod:`inspector.cpython.layout_discovery` found and validated
in a process; it is valid for the life of that process.  The few offsets that follow from
CPython's public headers are defined here, each with its struct; they are checked against live
objects before a layout is accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from inspector.cpython.published import Published

__all__ = [
    "DICT_SUBCLASS",
    "HEAP_TYPE",
    "POOL_SIZE",
    "REFCOUNTS_SIZE",
    "TUPLE_SUBCLASS",
    "TYPE_SUBCLASS",
    "UNICODE_SUBCLASS",
    "Layout",
    "Offset",
]

HEAP_TYPE: Final = 1 << 9
TUPLE_SUBCLASS: Final = 1 << 26
UNICODE_SUBCLASS: Final = 1 << 28
DICT_SUBCLASS: Final = 1 << 29
TYPE_SUBCLASS: Final = 1 << 31
"""``Py_TPFLAGS_HEAPTYPE`` and the like (Include/object.h), the same in 3.14 and 3.15."""

POOL_SIZE: Final = 32
"""Bytes of ``struct _Py_unique_id_pool`` {PyMutex, table, freelist, size}
(Include/internal/pycore_interp_structs.h, 3.14 and 3.15)."""

REFCOUNTS_SIZE: Final = 24
"""Bytes of ``_PyThreadStateImpl.refcounts`` {values, size, int is_finalized}
(Include/internal/pycore_tstate.h, 3.14 and 3.15)."""

# Include/cpython/object.h, struct _typeobject: bytes from tp_name, the same in 3.14 and 3.15.
_FROM_TP_NAME: Final = {
    "tp_basicsize": 8,
    "tp_dealloc": 24,
    "tp_base": 232,
    "tp_dict": 240,
    "tp_mro": 320,
    "tp_subclasses": 336,
    "tp_version_tag": 360,
}

# Include/cpython/object.h, PyHeapTypeObject: bytes back from unique_id, the same in 3.14 and 3.15.
_QUALNAME_BEFORE_UNIQUE_ID: Final = 64
_MODULE_BEFORE_UNIQUE_ID: Final = 48


class Offset(NamedTuple):
    """One offset, its source, and its evidence."""

    field: str
    value: int | None
    """Bytes from the start of its structure; None if it was not found."""
    source: str
    """``published`` by the target, ``discovered`` in it, or from a public ``header``."""
    evidence: str


class Layout(NamedTuple):
    """The offsets of one process, in bytes from the start of each structure."""

    runtime: int
    """Address of ``_PyRuntime``."""
    published: Published
    unique_ids: int
    """``PyInterpreterState.unique_ids``, the pool."""
    refcounts: int
    """``_PyThreadStateImpl.refcounts``."""
    c_stack_refs: int | None
    """``_PyThreadStateImpl.c_stack_refs``; None if it was not found."""
    type_unique_id: int
    """``PyHeapTypeObject.unique_id``."""
    code_unique_id: int
    """``PyCodeObject._co_unique_id``."""
    dict_watcher_tag: int
    """``PyDictObject._ma_watcher_tag``, whose upper half is the unique id."""
    code_type: int
    """Address of ``PyCode_Type``."""
    offsets: tuple[Offset, ...]

    def type_field(self, name: str) -> int:
        """Return the offset of a ``PyTypeObject`` member of ``Include/cpython/object.h``."""
        return self.published["type_object.tp_name"] + _FROM_TP_NAME[name]

    @property
    def ht_qualname(self) -> int:
        """``PyHeapTypeObject.ht_qualname``."""
        return self.type_unique_id - _QUALNAME_BEFORE_UNIQUE_ID

    @property
    def ht_name(self) -> int:
        """``PyHeapTypeObject.ht_name``, two words before the qualified name."""
        return self.ht_qualname - 16

    @property
    def ht_slots(self) -> int:
        """``PyHeapTypeObject.ht_slots``, the word before the qualified name."""
        return self.ht_qualname - 8

    @property
    def ht_cached_keys(self) -> int:
        """``PyHeapTypeObject.ht_cached_keys``, the word behind the qualified name."""
        return self.ht_qualname + 8

    @property
    def ht_module(self) -> int:
        """``PyHeapTypeObject.ht_module``."""
        return self.type_unique_id - _MODULE_BEFORE_UNIQUE_ID
