"""Decodes an object's header to its reference count.

Source: ``Include/object.h`` and ``Include/refcount.h`` (struct ``_object``,
``_Py_REF_*``), ``Include/internal/pycore_gc.h`` (``_PyGC_BITS_*``) and
``Include/internal/pycore_object_deferred.h`` of 3.14.7 and 3.15.0rc2, which agree.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

__all__ = ["BIAS", "HEADER_SIZE", "Count", "Header", "decode_count", "decode_header"]

HEADER_SIZE: Final = 32
"""Bytes of a ``PyObject`` in a free-threaded build (LP64)."""

IMMORTAL_LOCAL: Final = 0xFFFF_FFFF
"""``_Py_IMMORTAL_REFCNT_LOCAL``."""

BIAS: Final = (2**63 - 1) // 8
"""``_Py_REF_DEFERRED`` in references: what deferred counting adds to ``ob_ref_shared``."""

SHARED_SHIFT: Final = 2
"""``_Py_REF_SHARED_SHIFT``: the lower two bits are flags."""

GC_DEFERRED: Final = 64
"""``_PyGC_BITS_DEFERRED``: the object's references on stacks are not counted."""

STATES: Final = ("owned", "weakref", "queued", "merged")
"""By the flag bits of ``ob_ref_shared``: ``_Py_REF_SHARED_INIT``,
``_Py_REF_MAYBE_WEAKREF``, ``_Py_REF_QUEUED``, ``_Py_REF_MERGED``."""

_HEADER: Final = struct.Struct("=QHBBIqQ")


class Header(NamedTuple):
    """The fields of one object's header."""

    ob_tid: int
    """``_Py_ThreadId()`` of the owner, 0 when merged or immortal; during a
    collection the collector's scratch space."""
    ob_flags: int
    ob_mutex: int
    ob_gc_bits: int
    ob_ref_local: int
    ob_ref_shared: int
    """Signed; the count is in all but the two lowest bits."""
    ob_type: int

    @property
    def immortal(self) -> bool:
        """Whether CPython counts no references to this object."""
        return self.ob_ref_local == IMMORTAL_LOCAL

    @property
    def deferred(self) -> bool:
        """Whether references on thread stacks are not counted, and the bias is added."""
        return bool(self.ob_gc_bits & GC_DEFERRED)


class Count(NamedTuple):
    """The reference counts in a header."""

    owner: int
    """``ob_tid``."""
    state: str
    """``immortal`` or one of :data:`STATES`."""
    local: int
    shared: int
    """Without the flag bits, the bias included."""
    bias: int
    """The part of ``shared`` that is no reference of the program: :data:`BIAS` for a deferred
    object, and 1, the reference of the merge queue (Python/brc.c), for a queued one."""
    net: int | None
    """``local + shared - bias``, signed; None for an immortal object."""
    torn: bool
    """The deferred bit is set, but the bias is not added yet.

    ``PyUnstable_Object_EnableDeferredRefcount`` sets the bit first, so that a reader can see
    a count near ``-BIAS`` in between."""


def decode_count(words: bytes) -> Count:
    """Decode the counts of one header.

    Immortal objects may have the deferred bit without the bias, so they come first.
    """
    owner, _, _, gc_bits, local, word, _ = _HEADER.unpack_from(words)
    shared = word >> SHARED_SHIFT
    if local == IMMORTAL_LOCAL:
        return Count(owner, "immortal", local, shared, 0, None, torn=False)
    state = STATES[word & 3]
    bias = (BIAS if gc_bits & GC_DEFERRED else 0) + (state == "queued")
    net = local + shared - bias
    return Count(owner, state, local, shared, bias, net, abs(net) > BIAS // 2)


def decode_header(words: bytes) -> Header:
    """Decode the :data:`HEADER_SIZE` bytes of one object."""
    return Header._make(_HEADER.unpack_from(words))
