"""Where a type's deallocator drops the reference to the type: in the header or per thread.

``_Py_DECREF_TYPE``, which counts per thread, is CPython's own: ``subtype_dealloc``
(Objects/typeobject.c, 3.14 and 3.15) calls it where the nearest base with another
deallocator is a static type.  A deallocator of a heap type, written in C, can only call
``Py_DECREF``, which counts in the header, for its own type and for every class derived
from it.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from inspector.cpython.layout import HEAP_TYPE
from inspector.cpython.subclasses import MAX_BASES
from inspector.cpython.words import word_at
from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["HEADER", "PER_THREAD", "Deallocators"]

HEADER: Final = "header"
PER_THREAD: Final = "per thread"


Freed = tuple[str, int]
"""``header`` or ``per thread``, and the address of the base that has the deallocator; 0 for
the type itself and for a static base.  A plain tuple for the reason of :data:`_Type`."""

_Type = tuple[int, int, bool]
"""``tp_dealloc``, ``tp_base``, and whether it is a heap type.  A plain tuple: the next reading
would count kept instances of a class."""


class Deallocators:
    """The deallocators of the types of one interpreter."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._size = layout.published["type_object.size"]
        dealloc = layout.type_field("tp_dealloc")
        base = layout.type_field("tp_base")
        flags = layout.published["type_object.tp_flags"]
        self._dealloc = slice(dealloc, dealloc + 8)
        self._words = itemgetter(*(slice(at, at + 8) for at in (dealloc, base, flags)))
        self._common = 0
        """``subtype_dealloc``: static in CPython, and what most heap types have."""
        self._epoch: int | None = None
        self._bases: dict[int, _Type | None] = {}
        self._known: dict[object, Freed | None] = {}
        """Words of :meth:`_decode` -> result: most types share theirs with many others."""

    def learn_types(self, types: Iterable[bytes], epoch: int | None) -> None:
        """Find the most common deallocator of all heap types, given their structures.

        In a new ``epoch`` (see :attr:`Plan.epoch`) types may have died: forgets what was found.
        """
        if epoch is None or epoch != self._epoch:
            self._bases.clear()
            self._known.clear()
        self._epoch = epoch
        if not self._common:
            functions = Counter(words[self._dealloc] for words in types if words)
            self._common = word_at(functions.most_common(1)[0][0], 0) if functions else 0

    def find(self, words: bytes) -> Freed | None:
        """Return where a type's deallocator counts, and whose it is; None if unknown."""
        if not self._common:
            return None
        key = self._words(words)
        if key not in self._known:
            self._known[key] = self._follow_bases(self._decode(words))
        return self._known[key]

    def _follow_bases(self, current: _Type | None) -> Freed | None:
        """Go from a type to its bases, up to the first with a deallocator of its own."""
        address = 0
        for _ in range(MAX_BASES):
            if current is None:
                return None
            dealloc, base, heap = current
            if dealloc != self._common:
                return (HEADER, address) if heap else (PER_THREAD, 0)
            if base not in self._bases:
                self._bases[base] = self._read(base)
            address, current = base, self._bases[base]
        return None

    def _read(self, address: int) -> _Type | None:
        try:
            return self._decode(self._memory.read(address, self._size)) if address else None
        except MemoryFault:
            return None

    def _decode(self, words: bytes) -> _Type:
        dealloc, base, flags = (word_at(word, 0) for word in self._words(words))
        return dealloc, base, bool(flags & HEAP_TYPE)
