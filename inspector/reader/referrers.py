"""Who refers to objects: every word of an image that leads to them, named.

Sources: ``PyListObject`` with ``_PyListArray`` (Include/internal/pycore_list.h),
``PyDictKeysObject`` and ``PyDictValues`` (pycore_dict.h), ``PyTupleObject``,
``PySetObject``, ``PyWeakReference`` (Include/cpython/weakrefobject.h),
``PyHeapTypeObject``; 3.14 and 3.15 free-threaded builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_layout import GC_PRE_HEAP, PRE_HEADER
from inspector.cpython.heap_types import LIST_SUBCLASS
from inspector.cpython.layout import DICT_SUBCLASS, TYPE_SUBCLASS
from inspector.cpython.names import Names
from inspector.cpython.refcount import HEADER_SIZE
from inspector.cpython.words import word_at
from inspector.reader.dict_entries import NOTHING, DictEntries
from inspector.reader.image_memory import ImageMemory
from inspector.reader.instance_slots import InstanceSlots
from inspector.reader.root_names import RootNames
from inspector.reader.word_search import find_words
from inspector.snapshots.holders import Referrer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.reader.heap_image import HeapImage, ImagePage
    from inspector.reader.heap_tally import Types

__all__ = ["ReferrerSearch"]

TUPLE_SUBCLASS: Final = 1 << 26
SET_NAMES: Final = ("builtins.set", "builtins.frozenset")
WEAK_NAMES: Final = (
    "weakref.ReferenceType",
    "weakref.ProxyType",
    "weakref.CallableProxyType",
    "builtins.weakref",
)
GENERATORS: Final = ("builtins.generator", "builtins.coroutine", "builtins.async_generator")
MEMBERS: Final = {
    ("builtins.method", HEADER_SIZE): "__func__",
    ("builtins.method", HEADER_SIZE + 8): "__self__",
    ("builtins.cell", HEADER_SIZE): "cell_contents",
}
"""Of static types, by name and offset: ``PyMethodObject``, ``PyCellObject``."""
WR_CALLBACK: Final = HEADER_SIZE + 8
"""``PyWeakReference.wr_callback``, the only reference that it holds."""

OB_TYPE: Final = 3
"""Word of an object's header."""

MANAGED_DICT: Final = -8
"""Where an instance has its dictionary, before its header (pycore_object.h)."""


class _Place(NamedTuple):
    """A word of a live block that leads to an object that was sought."""

    target: int
    block: int
    """Address of the block."""
    offset: int
    """Bytes from the beginning of the block, or of the object in it."""
    page: ImagePage


class ReferrerSearch:
    """Finds referrers in one image, again and again."""

    def __init__(
        self,
        process: OtherProcess,
        layout: Layout,
        image: HeapImage,
        types: Types,
        *,
        values: bool,
    ) -> None:
        """Be for an image of a process; ``values``: name elements of dictionaries by their keys."""
        self._image = image
        self._layout = layout
        self._types = types
        self.memory = ImageMemory(image, process.memory)
        self._names = Names(self.memory, layout)
        self._named: dict[int, str] = {}
        self._entries = DictEntries(self.memory, layout, self._names, types, values=values)
        self._slots = InstanceSlots(self.memory, layout, types, self._entries)
        self._roots = RootNames(process, self.memory, layout)
        self._attributes = self._find_attribute_dicts()
        self._modules = self._find_modules()

    def find(self, frontier: Collection[int]) -> dict[int, list[Referrer]]:
        """Return who refers to each of some objects."""
        found: dict[int, list[Referrer]] = {}
        raw: dict[int, list[_Place]] = {}
        for address, name in self._modules.items():
            if address in frontier:
                found[address] = [Referrer(address, "", "", "module", name)]
        wanted = {each for each in frontier if each not in found}
        for place in self._find_places(wanted, raw_too=True):
            if place.page.header < 0:
                raw.setdefault(place.block, []).append(place)
                continue
            referrer = self._name_object_place(place)
            if referrer is not None:
                found.setdefault(place.target, []).append(referrer)
        for target, referrer in self._find_owners(raw):
            found.setdefault(target, []).append(referrer)
        for target, address in self._find_outside(wanted):
            named = self._roots.name(address)
            if named is not None:
                root, kind = named
                found.setdefault(target, []).append(Referrer(address, "", "", kind, root))
        return found

    def count_instances(self, ob_type: int) -> int:
        """Return how many objects have a type."""
        return sum(
            page.words.column(page.header + OB_TYPE, page.stride).count(ob_type)
            for page in self._image.pages
            if page.header >= 0
        )

    def _find_places(self, wanted: set[int], *, raw_too: bool) -> Iterator[_Place]:
        """Yield the words of live blocks that lead to what is wanted."""
        for page in self._image.pages:
            if page.header < 0 and not raw_too:
                continue
            header = max(page.header, 0)
            for index, word in find_words(page.words, wanted):
                block, at = divmod(index, page.stride)
                start = page.page.start + block * page.page.block + 8 * header
                yield _Place(word, start, 8 * (at - header), page)

    def _find_outside(self, wanted: set[int]) -> Iterator[tuple[int, int]]:
        """Yield (object, address of the word) of memory that is not of the heap."""
        for start, words in self._image.others:
            for index, word in find_words(words, wanted):
                yield word, start + 8 * index

    def _find_owners(self, raw: dict[int, list[_Place]]) -> Iterator[tuple[int, Referrer]]:
        """Yield (object, referrer) of objects in raw memory: who that memory is of."""
        starts = {block + shift: block for block in raw for shift in (0, 8, 16)}
        if not starts:
            return
        for place in self._find_places(set(starts), raw_too=False):
            block = starts[place.target]
            ob_type = self._type_at(place.block)
            if ob_type is None:
                continue
            for inner in raw[block]:
                address = inner.block + inner.offset
                step, exact = self._name_element(place, ob_type, address)
                if step == NOTHING:
                    continue
                root = self._modules.get(place.block, "")
                name = self.type_name(ob_type)
                yield inner.target, Referrer(place.block, step, exact, name, root)

    def _type_at(self, address: int) -> int | None:
        """Return the type of an object; None for what is none."""
        words = self._image.read_words(address, HEADER_SIZE // 8)
        if words is None or len(words) < HEADER_SIZE // 8:
            return None
        return words[3] if words[3] in self._types.facts else None

    def type_names(self, words: Sequence[int]) -> list[str]:
        """Return the names of types."""
        return self._names.of([self._types.facts[word].named for word in words])

    def type_name(self, ob_type: int) -> str:
        """Return the name of a type."""
        if ob_type not in self._named:
            self._named[ob_type] = self._names.of([self._types.facts[ob_type].named])[0]
        return self._named[ob_type]

    def _name_object_place(self, place: _Place) -> Referrer | None:
        """Return an object as a referrer; None where a word of it holds nothing."""
        if 0 <= place.offset < HEADER_SIZE:
            return None
        ob_type = self._type_at(place.block)
        if ob_type is None or place.offset == -PRE_HEADER:
            # Before an object with a dictionary stands its list of weak references.
            return None
        name = self.type_name(ob_type)
        if name in WEAK_NAMES and place.offset != WR_CALLBACK:
            return None
        step, exact = self._name_step(place, ob_type, name)
        return Referrer(place.block, step, exact, name, "")

    def _name_step(self, place: _Place, ob_type: int, name: str) -> tuple[str, str]:
        """Return how an object leads to what a word of its block holds."""
        facts, published = self._types.facts[ob_type], self._layout.published
        if place.page.page.heap == GC_PRE_HEAP and place.offset == MANAGED_DICT:
            return "", ""
        if facts.flags & TUPLE_SUBCLASS:
            first = published["tuple_object.ob_item"]
            if place.offset >= first:
                return "[*]", f"[{(place.offset - first) // 8}]"
        if name in SET_NAMES:
            return "{*}", "{*}"
        if facts.flags & TYPE_SUBCLASS:
            step = "" if place.offset == self._layout.type_field("tp_dict") else "<type>"
            return step, step
        attribute = MEMBERS.get((name, place.offset))
        if attribute is None and name in GENERATORS:
            attribute = self._roots.name_generator_local(place.block, place.offset)
        if attribute is None:
            attribute = self._slots.name(ob_type, place.offset)
        step = f".{attribute}" if attribute else f"<{name.rpartition('.')[2]}>"
        return step, step

    def _name_element(self, place: _Place, ob_type: int, address: int) -> tuple[str, str]:
        """Return how the owner of raw memory leads to what a word of that memory holds."""
        facts = self._types.facts[ob_type]
        if facts.flags & LIST_SUBCLASS:
            return "[*]", f"[{(address - place.target) // 8}]"
        if facts.flags & DICT_SUBCLASS:
            attribute = place.block in self._attributes or place.block in self._modules
            return self._entries.name(place.block, address, attribute=attribute)
        name = self.type_name(ob_type)
        step = "{*}" if name in SET_NAMES else "[*]"
        return step, step

    def _find_attribute_dicts(self) -> set[int]:
        """Return the dictionaries of classes and of instances."""
        at = self._layout.type_field("tp_dict")
        found = {word_at(each.words, at) for each in self._types.facts.values()}
        for page in self._image.pages:
            if page.header >= 0 and page.page.heap == GC_PRE_HEAP:
                found.update(page.words.column(page.header - 1, page.stride))
        found.discard(0)
        return found

    def _find_modules(self) -> dict[int, str]:
        """Return the names of modules by the addresses of their dictionaries."""
        listed = [
            address
            for counters in self._image.counters
            for address in counters.by_address
            if (ob_type := self._type_at(address)) is not None
            and self._types.facts[ob_type].flags & DICT_SUBCLASS
        ]
        names = self._names.of([("dict", address, b"") for address in listed])
        return dict(zip(listed, names, strict=True))
