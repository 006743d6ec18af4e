"""Names of objects as Python code reaches them: ``app.LOCK``, ``app.Color.RED``, ``app.conf.url``.

Goes from the modules' dictionaries through classes, instances, containers and functions, a
few steps deep.  Reads while the process runs: a path is where the object was just now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.heap_types import LIST_SUBCLASS
from inspector.cpython.layout import DICT_SUBCLASS, TUPLE_SUBCLASS, TYPE_SUBCLASS
from inspector.cpython.text import read_dicts, read_split_keys, read_strings
from inspector.cpython.words import decode_unsigned, word_at
from inspector.reader.heap_tally import Types

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from inspector.cpython.heap_types import TypeFacts
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["find_paths"]

DEPTH: Final = 4
"""Steps from a module's dictionary at most."""
MOST_OBJECTS: Final = 30_000
"""Objects that are looked into in one step."""
MOST_ITEMS: Final = 256
MOST_BODY: Final = 512
HEADER: Final = 32
MANAGED_DICT: Final = 1 << 4
INLINE_VALUES: Final = 1 << 2
"""``Py_TPFLAGS_MANAGED_DICT`` and ``Py_TPFLAGS_INLINE_VALUES`` (Include/object.h)."""
MANAGED_DICT_AT: Final = -8
"""``MANAGED_DICT_OFFSET`` of a free-threaded build (Include/internal/pycore_object.h)."""
OPAQUE: Final = frozenset({"str", "int", "float", "bytes", "bool", "NoneType", "complex", "module"})
"""Types of objects that hold none that anybody would look for; modules are begun with."""

Places = dict[int, str]


def find_paths(
    memory: Memory,
    layout: Layout,
    modules: Mapping[int, str],
    types: Mapping[int, str],
    wanted: Collection[int],
) -> dict[int, str]:
    """Return address -> path of those ``wanted`` objects that are near a module.

    ``modules`` are names by the addresses of modules' dictionaries, ``types`` names by the
    addresses of types.
    """
    search = _Search(memory, layout, types)
    patterns = {address: escape_braces(name) + ".{}" for address, name in modules.items()}
    level = search.open_dicts(patterns)
    found: Places = {}
    seen = set(modules)
    missing = set(wanted)
    for _ in range(DEPTH):
        for address in missing.intersection(level):
            found[address] = level[address]
        missing.difference_update(found)
        seen.update(level)
        if not missing:
            break
        following = search.open_objects(dict(list(level.items())[:MOST_OBJECTS]))
        level = {address: path for address, path in following.items() if address not in seen}
    return found


def escape_braces(path: str) -> str:
    """Return a path as a pattern for :meth:`str.format` that stands for itself."""
    return path.replace("{", "{{").replace("}", "}}")


class _Search:
    """Looks into objects of every kind, many at a time."""

    def __init__(self, memory: Memory, layout: Layout, types: Mapping[int, str]) -> None:
        self._memory = memory
        self._layout = layout
        self._published = layout.published
        self._names = types
        self._types = Types(memory, layout)

    def open_dicts(self, dicts: Mapping[int, str]) -> Places:
        """Return the values under string keys; ``dicts`` have a pattern for a key each."""
        order = list(dicts)
        places: dict[int, tuple[str, int]] = {}
        for number, words, width in read_dicts(self._memory, self._published, order):
            for at in range(width - 2, len(words) - 1, width):
                if words[at] and words[at + 1]:
                    places.setdefault(words[at + 1], (dicts[order[number]], words[at]))
        return self._fill_in(places)

    def _fill_in(self, places: Mapping[int, tuple[str, int]]) -> Places:
        """Put the text of a key into each pattern."""
        keys = read_strings(self._memory, self._published, [key for _, key in places.values()])
        found = {}
        for (address, (pattern, _)), key in zip(places.items(), keys, strict=True):
            found[address] = pattern.format(key if key is not None else "…")
        return found

    def open_objects(self, objects: Places) -> Places:
        """Return what some objects refer to, with paths."""
        at = self._published["pyobject.ob_type"]
        pieces = self._memory.read_many([(address + at, 8) for address in objects])
        kinds = {
            address: word_at(piece, 0)
            for address, piece in zip(objects, pieces, strict=True)
            if piece is not None
        }
        self._types.learn(set(kinds.values()))
        dicts: Places = {}
        sequences: Places = {}
        instances: Places = {}
        for address, kind in kinds.items():
            facts = self._types.facts.get(kind)
            name = self._names.get(kind, "").removeprefix("builtins.")
            if facts is None or name in OPAQUE:
                continue
            if facts.flags & DICT_SUBCLASS:
                # A key is data of the program, and none of anybody else's business.
                dicts[address] = escape_braces(objects[address]) + "[…]"
            elif facts.flags & (LIST_SUBCLASS | TUPLE_SUBCLASS):
                sequences[address] = objects[address]
            else:
                instances[address] = objects[address]
        found: Places = {}
        inline = self._find_attributes(instances, kinds, dicts)
        for some in (
            self._open_inline_values(inline),
            self.open_dicts(dicts),
            self._open_sequences(sequences, kinds),
            self._open_bodies(instances, kinds),
        ):
            for address, path in some.items():
                found.setdefault(address, path)
        return found

    def _find_attributes(
        self, objects: Places, kinds: Mapping[int, int], dicts: Places
    ) -> dict[int, tuple[TypeFacts, str]]:
        """Add the dictionaries of the attributes of classes and of instances to ``dicts``.

        Return the instances that have their attributes behind themselves, with a pattern.
        """
        tp_dict = self._layout.type_field("tp_dict")
        places, patterns, inline = [], [], {}
        for address, path in objects.items():
            facts = self._types.facts[kinds[address]]
            pattern = escape_braces(path) + ".{}"
            if facts.flags & TYPE_SUBCLASS:
                places.append((address + tp_dict, 8))
                patterns.append(pattern)
            elif facts.heap and facts.flags & MANAGED_DICT:
                places.append((address + MANAGED_DICT_AT, 8))
                patterns.append(pattern)
                if facts.flags & INLINE_VALUES:
                    inline[address] = (facts, pattern)
        for pattern, piece in zip(patterns, self._memory.read_many(places), strict=True):
            if piece is not None and word_at(piece, 0):
                dicts.setdefault(word_at(piece, 0), pattern)
        return inline

    def _open_bodies(self, objects: Places, kinds: Mapping[int, int]) -> Places:
        """Return what is in the bodies of objects other than classes."""
        size_at = self._layout.type_field("tp_basicsize")
        ranges, order = [], []
        for address, path in objects.items():
            facts = self._types.facts[kinds[address]]
            size = min(word_at(facts.words, size_at), MOST_BODY)
            if size > HEADER and not size % 8 and not facts.flags & TYPE_SUBCLASS:
                ranges.append((address + HEADER, size - HEADER))
                order.append(path)
        found: Places = {}
        for path, body in zip(order, self._memory.read_many(ranges), strict=True):
            for word in decode_unsigned(body) if body is not None else ():
                if word and not word % 8:
                    found.setdefault(word, f"{path} (inside)")
        return found

    def _open_inline_values(self, objects: Mapping[int, tuple[TypeFacts, str]]) -> Places:
        """Return the attributes that instances have behind themselves.

        ``struct _dictvalues`` {capacity u8, size u8, embedded u8, valid u8, values[]}
        (Include/internal/pycore_dict.h); the names are in ``ht_cached_keys`` of the type.
        """
        size_at = self._layout.type_field("tp_basicsize")
        keys_at = self._layout.ht_cached_keys
        tables = {word_at(facts.words, keys_at) for facts, _ in objects.values()}
        keys = read_split_keys(self._memory, sorted(tables))
        ranges, names = [], []
        for address, (facts, pattern) in objects.items():
            known = keys.get(word_at(facts.words, keys_at), [])
            if known:
                at = address + word_at(facts.words, size_at)
                ranges.append((at, 8 + 8 * len(known)))
                names.append((pattern, known))
        places: dict[int, tuple[str, int]] = {}
        for (pattern, known), piece in zip(names, self._memory.read_many(ranges), strict=True):
            if piece is None or not piece[3] or piece[0] < len(known):
                continue
            for key, value in zip(known, decode_unsigned(piece[8:]), strict=True):
                if value:
                    places.setdefault(value, (pattern, key))
        return self._fill_in(places)

    def _open_sequences(self, objects: Places, kinds: Mapping[int, int]) -> Places:
        """Return the first items of lists and tuples."""
        published = self._published
        size_at = published["tuple_object.ob_size"]
        heads = self._memory.read_many([(address + size_at, 16) for address in objects])
        ranges, order = [], []
        for (address, path), head in zip(objects.items(), heads, strict=True):
            if head is None:
                continue
            number = min(word_at(head, 0), MOST_ITEMS)
            facts = self._types.facts[kinds[address]]
            if facts.flags & LIST_SUBCLASS:
                start = word_at(head, published["list_object.ob_item"] - size_at)
            else:
                start = address + published["tuple_object.ob_item"]
            if number and start:
                ranges.append((start, 8 * number))
                order.append(path)
        found: Places = {}
        for path, piece in zip(order, self._memory.read_many(ranges), strict=True):
            for number, word in enumerate(decode_unsigned(piece) if piece is not None else ()):
                if word:
                    found.setdefault(word, f"{path}[{number}]")
        return found
