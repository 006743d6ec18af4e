"""Reads the names of types, code objects and module dictionaries.

A name is read once per object.  It is kept as long as the bytes of the object's structure that
lead to the name do not change.
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
"""An object to be named: (kind, address, bytes of its structure up to its unique id, which are
empty if unreadable).  The kind is a key of ``Names._identity``."""

UNKNOWN: Final = "?"
"""The name of an object that could not be read."""

MAX_TP_NAME: Final = 1 << 12
"""Bytes of a static type's name that are read."""

SINGLETON_SAMPLE: Final = 64
"""Dictionaries that are searched for the singleton of a key."""


class _Known(NamedTuple):
    """A name, and what it was read from."""

    kind: str
    identity: object
    epoch: int | None
    name: str


class Names:
    """The names of one interpreter's objects; only those of new objects are read."""

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
        # The bytes that identify an object.  No two types ever have the same version tag.
        # Names of code objects are interned, and so immortal in a free-threaded build.
        self._identity: dict[str, Callable[[bytes], object]] = {
            "type": _make_slicer((self._tag.start, self._tp_dict, self._ht_qualname)),
            "code": _make_slicer((self._qualname, self._filename, self._line)),
            "dict": lambda _: None,
            "static": lambda _: None,
        }

    def of(self, objects: Sequence[Named], epoch: int | None = None) -> list[str]:
        """Return the name of each object, ``?`` where it could not be read.

        ``epoch`` is the number of collections: only a collection frees such objects.
        """
        if not objects:
            return []
        new: dict[str, list[Named]] = {kind: [] for kind in self._identity}
        for named in objects:
            kind, address, _ = named
            before = self._known.get(address)
            if before is None or not self._is_same(named, before, epoch):
                new[kind].append(named)
        readers = {
            "type": self._name_types,
            "code": self._name_codes,
            "dict": self._name_dicts,
            "static": self._name_static_types,
        }
        for kind, group in new.items():
            identify = self._identity[kind]
            for (_, address, words), name in zip(group, readers[kind](group), strict=True):
                self._known[address] = _Known(kind, identify(words), epoch, name)
        return [self._known[address].name for _, address, _ in objects]

    def forget_others(self, addresses: Collection[int]) -> None:
        """Forget the names of all other objects, once there are many."""
        if len(self._known) > 2 * len(addresses) + 1000:
            known: dict[int, _Known] = {}
            for address in addresses:
                if address in self._known:
                    known[address] = self._known[address]
            self._known = known

    def _is_same(self, named: Named, before: _Known, epoch: int | None) -> bool:
        """Whether the object at this address is certainly the one that was named before.

        A type without a version tag (0) may have the address, the dictionary and the name's
        address of a freed one.  So may a dictionary, at any time.
        """
        kind, _, words = named
        if kind != before.kind or self._identity[kind](words) != before.identity:
            return False
        if epoch is not None and epoch == before.epoch:
            return True
        return kind in ("code", "static") or (kind == "type" and any(words[self._tag]))

    def _name_types(self, objects: Sequence[Named]) -> list[str]:
        """Return ``module.qualname`` as ``type.__module__`` and ``__qualname__`` give it."""
        dicts = [word_at(words, self._tp_dict) for _, _, words in objects]
        modules = self._texts_under("__module__", dicts)
        places = [word_at(words, self._ht_qualname) for _, _, words in objects]
        qualnames = read_strings(self._memory, self._published, places)
        names = []
        for module, qualname in zip(modules, qualnames, strict=True):
            names.append(_join_type_name(module, qualname))
        return names

    def _name_static_types(self, objects: Sequence[Named]) -> list[str]:
        """Return ``tp_name``, preceded by ``builtins.`` if it names no module."""
        at = self._published["type_object.tp_name"]
        places = [word_at(words, at) for _, _, words in objects]
        names = []
        for text in read_c_strings(self._memory, places, MAX_TP_NAME):
            name = None if text is None else text.decode("utf-8", "replace")
            names.append(
                name if name is not None and "." in name else _join_type_name("builtins", name)
            )
        return names

    def _name_codes(self, objects: Sequence[Named]) -> list[str]:
        """Return ``qualname (file:line)``."""
        places = [word_at(words, self._qualname) for _, _, words in objects]
        places += [word_at(words, self._filename) for _, _, words in objects]
        texts = read_strings(self._memory, self._published, places)
        names = []
        for number, (_, _, words) in enumerate(objects):
            qualname, filename = texts[number], texts[len(objects) + number]
            line = struct.unpack_from("=i", words, self._line)[0] if words else UNKNOWN
            names.append(f"{_or_unknown(qualname)} ({_or_unknown(filename)}:{line})")
        return names

    def _name_dicts(self, objects: Sequence[Named]) -> list[str]:
        """Return the ``__name__`` in each; dictionaries with a unique id are those of modules."""
        texts = self._texts_under("__name__", [address for _, address, _ in objects])
        return [_or_unknown(text) for text in texts]

    def _texts_under(self, key: str, dicts: Sequence[int]) -> list[str | None]:
        """Return the string that each dictionary has under a key."""
        keys = self._singletons.get(key)
        if not keys:
            keys = find_key(self._memory, self._published, dicts[:SINGLETON_SAMPLE], key)
            self._singletons[key] = keys
        values = read_values(self._memory, self._published, dicts, keys)
        missing = []
        for number, value in enumerate(values):
            if value is None:
                missing.append(number)
        if missing:
            # The key may be another string object with the same text.
            some = [dicts[number] for number in missing]
            others = find_key(self._memory, self._published, some, key)
            again = read_values(self._memory, self._published, some, others)
            for number, value in zip(missing, again, strict=True):
                values[number] = value
        return read_strings(self._memory, self._published, [value or 0 for value in values])


def _join_type_name(module: str | None, qualname: str | None) -> str:
    """Return ``module.qualname``, or ``qualname`` alone for a type without a module."""
    return _or_unknown(qualname) if module is None or qualname is None else f"{module}.{qualname}"


def _or_unknown(text: str | None) -> str:
    return UNKNOWN if text is None else text


def _make_slicer(offsets: tuple[int, int, int]) -> Callable[[bytes], object]:
    """Return a function that returns the words at these offsets of a structure."""
    return itemgetter(*(slice(offset, offset + 8) for offset in offsets))
