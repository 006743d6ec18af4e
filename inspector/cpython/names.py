"""What the objects of a pool are called: types, code objects, module dictionaries.

A name is read once per object and kept as long as the object stays the same one:
the bytes of its structure that name it must not have changed.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from inspector.cpython.text import find_key, read_strings, read_values
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.memory import Memory

__all__ = ["Named", "Names"]

Named = tuple[str, int, bytes]
"""An object of which the name is asked: kind, address, and its structure from the
start up to its unique id (empty where it could not be read)."""

UNKNOWN: Final = "?"
"""The name of what could not be read."""

SINGLETON_SAMPLE: Final = 64
"""Dictionaries that are searched for the singleton of a key."""


class Names:
    """The names of one interpreter's objects, read where they are new."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._published = layout.published
        self._known: dict[int, tuple[object, str]] = {}
        self._singletons: dict[str, set[int]] = {}
        self._epoch: int | None = None
        published = layout.published
        tag = layout.type_field("tp_version_tag")
        self._tag = slice(tag, tag + 4)
        self._tp_dict = layout.type_field("tp_dict")
        self._ht_qualname = layout.ht_qualname
        self._qualname = published["code_object.qualname"]
        self._filename = published["code_object.filename"]
        self._line = published["code_object.firstlineno"]
        # The bytes that stay while the object does.  A type's version tag is never
        # given to another type.  Names of code objects are interned, hence immortal
        # in a free-threaded build.
        self._identity: dict[str, Callable[[bytes], object]] = {
            "type": _slices((self._tag.start, self._tp_dict, self._ht_qualname)),
            "code": _slices((self._qualname, self._filename, self._line)),
            "dict": lambda _: None,
        }

    def of(self, objects: Sequence[Named], epoch: int | None = None) -> list[str]:
        """Return the name of each object, ``?`` where it could not be read.

        With the same ``epoch`` as the time before, no object can have died since.
        """
        immortal = epoch is not None and epoch == self._epoch
        self._epoch = epoch
        known: dict[int, tuple[object, str]] = {}
        new: dict[str, list[Named]] = {"type": [], "code": [], "dict": []}
        for each in objects:
            kind, address, words = each
            before = self._known.get(address)
            if before is not None and self._same(kind, words, before[0], immortal=immortal):
                known[address] = before
            else:
                new[kind].append(each)
        readers = {"type": self._types, "code": self._codes, "dict": self._dicts}
        for kind, group in new.items():
            for each, name in zip(group, readers[kind](group), strict=True):
                known[each[1]] = (self._identity[kind](each[2]), name)
        self._known = known
        return [known[address][1] for _, address, _ in objects]

    def _same(self, kind: str, words: bytes, before: object, *, immortal: bool) -> bool:
        """Whether the object at this address is surely the one that was named before.

        A type without a version tag (0) may have taken the place, the dictionary
        and the name's address of a dead one; a dictionary may, at any time.
        """
        if not immortal and (kind == "dict" or (kind == "type" and not any(words[self._tag]))):
            return False
        return self._identity[kind](words) == before

    def _types(self, objects: Sequence[Named]) -> list[str]:
        """Return ``module.qualname`` as ``type.__module__`` and ``__qualname__`` give it."""
        dicts = [word_at(words, self._tp_dict) for _, _, words in objects]
        modules = self._texts_under("__module__", dicts)
        places = [word_at(words, self._ht_qualname) for _, _, words in objects]
        qualnames = read_strings(self._memory, self._published, places)
        return [
            f"{module}.{qualname}" if module and qualname else qualname or UNKNOWN
            for module, qualname in zip(modules, qualnames, strict=True)
        ]

    def _codes(self, objects: Sequence[Named]) -> list[str]:
        """Return ``qualname (file:line)``."""
        places = [
            word_at(words, offset)
            for _, _, words in objects
            for offset in (self._qualname, self._filename)
        ]
        texts = iter(read_strings(self._memory, self._published, places))
        names = []
        for _, _, words in objects:
            qualname, filename = next(texts), next(texts)
            line = struct.unpack_from("=i", words, self._line)[0] if words else UNKNOWN
            names.append(f"{qualname or UNKNOWN} ({filename or UNKNOWN}:{line})")
        return names

    def _dicts(self, objects: Sequence[Named]) -> list[str]:
        """Return the ``__name__`` in each: only module dictionaries have a unique id."""
        texts = self._texts_under("__name__", [address for _, address, _ in objects])
        return [text or UNKNOWN for text in texts]

    def _texts_under(self, key: str, dicts: Sequence[int]) -> list[str | None]:
        """Return the string that each dictionary has under a key."""
        keys = self._singletons.get(key)
        if not keys:
            keys = find_key(self._memory, self._published, dicts[:SINGLETON_SAMPLE], key)
            self._singletons[key] = keys
        values = read_values(self._memory, self._published, dicts, keys)
        return read_strings(self._memory, self._published, [value or 0 for value in values])


def _slices(offsets: tuple[int, int, int]) -> Callable[[bytes], object]:
    """Return a function that cuts the words at these offsets out of a structure."""
    return itemgetter(*(slice(offset, offset + 8) for offset in offsets))
