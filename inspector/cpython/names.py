"""What the objects of a pool are called: types, code objects, module dictionaries.

A name is read once per object and kept as long as the object stays the same one:
the bytes of its structure that name it must not have changed.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.text import find_key, read_c_strings, read_strings, read_values
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["SINGLETON_SAMPLE", "Named", "Names"]

Named = tuple[str, int, bytes]
"""An object of which the name is asked: kind, address, and its structure from the
start up to its unique id (empty where it could not be read)."""

UNKNOWN: Final = "?"
"""The name of what could not be read."""

MAX_TP_NAME: Final = 1 << 12
"""Bytes of a static type's name that are read."""

SINGLETON_SAMPLE: Final = 64
"""Dictionaries that are searched for the singleton of a key."""


class _Known(NamedTuple):
    """A name and what it rests on."""

    kind: str
    identity: object
    epoch: int | None
    name: str


class Names:
    """The names of one interpreter's objects, read where they are new."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._published = layout.published
        self._known: dict[int, _Known] = {}
        self._singletons: dict[str, set[int]] = {}
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
            "type": _make_slicer((self._tag.start, self._tp_dict, self._ht_qualname)),
            "code": _make_slicer((self._qualname, self._filename, self._line)),
            "dict": lambda _: None,
            "static": lambda _: None,
        }

    def of(self, objects: Sequence[Named], epoch: int | None = None) -> list[str]:
        """Return the name of each object, ``?`` where it could not be read.

        ``epoch`` counts collections: no object can have died in the same one.
        """
        if not objects:
            return []
        new: dict[str, list[Named]] = {kind: [] for kind in self._identity}
        for each in objects:
            before = self._known.get(each[1])
            if before is None or not self._same(each, before, epoch):
                new[each[0]].append(each)
        readers = {
            "type": self._types,
            "code": self._codes,
            "dict": self._dicts,
            "static": self._static_types,
        }
        for kind, group in new.items():
            for each, name in zip(group, readers[kind](group), strict=True):
                self._known[each[1]] = _Known(kind, self._identity[kind](each[2]), epoch, name)
        return [self._known[address].name for _, address, _ in objects]

    def forget_others(self, addresses: Collection[int]) -> None:
        """Forget the names of all objects but these, once they are many."""
        if len(self._known) > 2 * len(addresses) + 1000:
            self._known = {each: self._known[each] for each in addresses if each in self._known}

    def _same(self, each: Named, before: _Known, epoch: int | None) -> bool:
        """Whether the object at this address is surely the one that was named before.

        A type without a version tag (0) may have taken the place, the dictionary
        and the name's address of a dead one; a dictionary may, at any time.
        """
        kind, _, words = each
        if kind != before.kind or self._identity[kind](words) != before.identity:
            return False
        if epoch is not None and epoch == before.epoch:
            return True
        return kind in ("code", "static") or (kind == "type" and any(words[self._tag]))

    def _types(self, objects: Sequence[Named]) -> list[str]:
        """Return ``module.qualname`` as ``type.__module__`` and ``__qualname__`` give it."""
        dicts = [word_at(words, self._tp_dict) for _, _, words in objects]
        modules = self._texts_under("__module__", dicts)
        places = [word_at(words, self._ht_qualname) for _, _, words in objects]
        qualnames = read_strings(self._memory, self._published, places)
        return [_join_type_name(*parts) for parts in zip(modules, qualnames, strict=True)]

    def _static_types(self, objects: Sequence[Named]) -> list[str]:
        """Return ``tp_name``, with its module where it has none: ``builtins``."""
        at = self._published["type_object.tp_name"]
        places = [word_at(words, at) for _, _, words in objects]
        names = []
        for text in read_c_strings(self._memory, places, MAX_TP_NAME):
            name = None if text is None else text.decode("utf-8", "replace")
            names.append(
                name if name is not None and "." in name else _join_type_name("builtins", name)
            )
        return names

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
            names.append(f"{_or_unknown(qualname)} ({_or_unknown(filename)}:{line})")
        return names

    def _dicts(self, objects: Sequence[Named]) -> list[str]:
        """Return the ``__name__`` in each: only module dictionaries have a unique id."""
        texts = self._texts_under("__name__", [address for _, address, _ in objects])
        return [_or_unknown(text) for text in texts]

    def _texts_under(self, key: str, dicts: Sequence[int]) -> list[str | None]:
        """Return the string that each dictionary has under a key."""
        keys = self._singletons.get(key)
        if not keys:
            keys = find_key(self._memory, self._published, dicts[:SINGLETON_SAMPLE], key)
            self._singletons[key] = keys
        values = read_values(self._memory, self._published, dicts, keys)
        missing = [number for number, value in enumerate(values) if value is None]
        if missing:
            # A key that a program spelled anew is not the one that CPython keeps.
            some = [dicts[number] for number in missing]
            others = find_key(self._memory, self._published, some, key)
            again = read_values(self._memory, self._published, some, others)
            for number, value in zip(missing, again, strict=True):
                values[number] = value
        return read_strings(self._memory, self._published, [value or 0 for value in values])


def _join_type_name(module: str | None, qualname: str | None) -> str:
    """Return a type's name: any text is one, the empty one too; a module may be missing."""
    return _or_unknown(qualname) if module is None or qualname is None else f"{module}.{qualname}"


def _or_unknown(text: str | None) -> str:
    """Return a text, ``?`` where it could not be read."""
    return UNKNOWN if text is None else text


def _make_slicer(offsets: tuple[int, int, int]) -> Callable[[bytes], object]:
    """Return a function that cuts the words at these offsets out of a structure."""
    return itemgetter(*(slice(offset, offset + 8) for offset in offsets))
