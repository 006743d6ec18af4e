"""Tests of the offsets inside types, code objects and dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import (
    DICT_SUBCLASS,
    HEAP_TYPE,
    TUPLE_SUBCLASS,
    TYPE_SUBCLASS,
    UNICODE_SUBCLASS,
)
from inspector.cpython.names import SINGLETON_SAMPLE
from inspector.cpython.pool import read_pool, read_table
from inspector.cpython.runtime_lists import read_interpreters
from inspector.cpython.text import (
    MAX_TEXT,
    find_key,
    read_c_strings,
    read_strings,
    read_values,
)
from inspector.cpython.words import word_at
from inspector.diagnosis.agreement.trial import Trial
from inspector.errors import LayoutError
from inspector.reader.kinds import classify_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.diagnosis.agreement.trial import Look

__all__ = ["Member", "members", "object_trials"]


class Member(NamedTuple):
    """An object that has a unique id."""

    kind: str
    interpreter: int
    unique_id: int


def members(look: Look) -> dict[int, Member]:
    """Return all objects that have a unique id at this moment, by address.

    Raises :class:`LayoutError` when no type is among them.
    """
    memory, layout = look.memory, look.layout
    found = {}
    for interpreter in read_interpreters(memory, layout.published, layout.runtime):
        table = read_table(memory, read_pool(memory, interpreter + layout.unique_ids))
        for (index, address), kind in classify_objects(memory, layout, table).items():
            found[address] = Member(kind, interpreter, index + 1)
    if not any(member.kind == "type" for member in found.values()):
        raise LayoutError(
            "type_object.tp_flags", expected="types among what has a unique id", found="none"
        )
    return found


def object_trials(look: Look, found: dict[int, Member]) -> list[Trial]:
    """Test what is read of these objects."""
    kinds: dict[str, list[int]] = {"code": [], "dict": [], "type": []}
    for address, member in found.items():
        kinds[member.kind].append(address)
    return [
        *_codes(look, kinds["code"]),
        *_dicts(look, kinds["dict"]),
        # Last, because a type gets its id before the rest of it is filled in.
        *_types(look, {address: found[address] for address in kinds["type"]}),
    ]


def _types(look: Look, types: dict[int, Member]) -> list[Trial]:
    """Test the members of type objects."""
    memory, layout, published = look.memory, look.layout, look.layout.published
    pieces = memory.read_many([(each, layout.type_unique_id + 8) for each in types])
    there = {each: piece for each, piece in zip(types, pieces, strict=True) if piece}

    def column(offset: int) -> list[int]:
        return [word_at(piece, offset) for piece in there.values()]

    flags = [bool(each & HEAP_TYPE) for each in column(published["type_object.tp_flags"])]
    # A type is named twice, by a string and by a C string; any text may be its name.
    strings = read_strings(memory, published, column(layout.ht_name))
    c_strings = read_c_strings(memory, column(published["type_object.tp_name"]), 4 * MAX_TEXT)
    pairs = list(zip(strings, c_strings, strict=True))
    most = sum(_are_one_name(*pair) for pair in pairs) > len(pairs) / 2
    names = [most and text is not None for text in strings]
    named = [most and text is not None for text in c_strings]
    qualified = look.have_flag(column(layout.ht_qualname), UNICODE_SUBCLASS)
    qualified = [most and each for each in qualified]
    mros = column(layout.type_field("tp_mro"))
    first = look.pointers(each + published["tuple_object.ob_item"] for each in mros)
    # A metaclass may put another type first.
    most = sum(mine == each for mine, each in zip(first, there, strict=True)) > len(first) / 2
    led = [most and each for each in look.have_flag(first, TYPE_SUBCLASS)]
    of_types = look.have_flag(there, TYPE_SUBCLASS)
    header = {
        "PyHeapTypeObject.ht_qualname": (layout.ht_qualname, qualified, "are strings"),
        "PyHeapTypeObject.ht_module": (
            *(layout.ht_module, _null_or_object(look, column(layout.ht_module))),
            "are NULL or objects",
        ),
    }
    slots = {name: layout.type_field(name) for name in SLOTS}
    held = {name: column(at) for name, at in slots.items()}
    for name, holds in _slots(look, {each: types[each] for each in there}, held).items():
        header[f"PyTypeObject.{name}"] = (slots[name], holds, SLOTS[name])
    return [
        look.published("pyobject.ob_type", there, of_types, "types are of a type"),
        look.published("type_object.tp_flags", there, flags, "are those of heap types"),
        look.published("type_object.tp_name", there, named, "lead to a name, most to the type's"),
        look.published("unicode_object.state", there, names, "names are read as strings"),
        look.published("unicode_object.length", there, names, "names are read as strings"),
        look.published(
            "tuple_object.ob_item", there, led, "mros begin with a type, most with itself"
        ),
        *(
            Trial(field, value, "header", dict(zip(there, holds, strict=True)), said)
            for field, (value, holds, said) in header.items()
        ),
    ]


def _are_one_name(string: str | None, c_string: bytes | None) -> bool:
    """Whether the C string is the name, perhaps with a module before it."""
    if string is None or c_string is None:
        return False
    if len(string) > MAX_TEXT:
        return string[:MAX_TEXT].encode(errors="surrogatepass") in c_string
    name = string.encode(errors="surrogatepass")
    return c_string == name or c_string.endswith(b"." + name)


IMPORT_SYSTEM: Final = "<frozen importlib"
"""How the names of its files begin (Lib/importlib/_bootstrap.py, frozen into any Python)."""

SLOTS: Final = {
    "tp_basicsize": "are not smaller than that of the base",
    "tp_dealloc": "are set",
    "tp_base": "are types",
    "tp_dict": "are dictionaries",
    "tp_mro": "are tuples",
    "tp_subclasses": "are dictionaries, or NULL without subclasses",
    "tp_version_tag": "are 0 or different",
}
"""The members of types whose places follow from a public header."""


def _slots(
    look: Look, types: dict[int, Member], held: dict[str, list[int]]
) -> dict[str, list[bool]]:
    """Tell for each type and each of :data:`SLOTS` whether its value can be right."""
    at = look.layout.type_field("tp_basicsize")
    base_sizes = look.pointers(each + at for each in held["tp_base"])
    sizes = zip(held["tp_basicsize"], base_sizes, strict=True)
    subclasses = held["tp_subclasses"]
    # Each interpreter gives out tags of its own.
    tags = [
        (each.interpreter, tag & 0xFFFFFFFF)
        for each, tag in zip(types.values(), held["tp_version_tag"], strict=True)
    ]
    used = [each for each in tags if each[1]]
    different = 0 < len(set(used)) == len(used)
    bases = set(held["tp_base"])
    return {
        "tp_basicsize": [0 < base <= size for size, base in sizes],
        "tp_dealloc": [each != 0 for each in held["tp_dealloc"]],
        "tp_base": look.have_flag(held["tp_base"], TYPE_SUBCLASS),
        "tp_dict": look.have_flag(held["tp_dict"], DICT_SUBCLASS),
        "tp_mro": look.have_flag(held["tp_mro"], TUPLE_SUBCLASS),
        "tp_subclasses": [
            right or not (each or address in bases)
            for address, each, right in zip(
                types, subclasses, look.have_flag(subclasses, DICT_SUBCLASS), strict=True
            )
        ],
        "tp_version_tag": [different] * len(types),
    }


def _null_or_object(look: Look, objects: Sequence[int]) -> list[bool]:
    """Tell for each pointer whether it is NULL or leads to an object."""
    at = look.layout.published["pyobject.ob_type"]
    right = look.have_flag(look.pointers(each + at for each in objects), TYPE_SUBCLASS)
    return [each == 0 or good for each, good in zip(objects, right, strict=True)]


def _codes(look: Look, codes: list[int]) -> list[Trial]:
    """Test the members of code objects by which they are named: any text may stand there.

    Every process has the code of the import system, whose file and names are known.
    """
    published = look.layout.published
    texts, strings = {}, {}
    for field in ("name", "qualname", "filename"):
        at = published[f"code_object.{field}"]
        held = look.pointers(each + at for each in codes)
        strings[field] = look.have_flag(held, UNICODE_SUBCLASS)
        texts[field] = read_strings(look.memory, published, held)
    pairs = zip(texts["name"], texts["qualname"], strict=True)
    some_end = any(name and (qualified or "").endswith(f".{name}") for name, qualified in pairs)
    some_known = any((text or "").startswith(IMPORT_SYSTEM) for text in texts["filename"])
    named = [
        some_end and name and qualified
        for name, qualified in zip(strings["name"], strings["qualname"], strict=True)
    ]
    of_files = [some_known and each for each in strings["filename"]]
    at = published["code_object.firstlineno"]
    lines = look.memory.read_many([(each + at, 4) for each in codes])
    plausible = [each is not None and each[3] < 1 << 7 for each in lines]
    return [
        look.published(
            "code_object.qualname", codes, named, "are strings, some with the name at the end"
        ),
        look.published(
            "code_object.filename", codes, of_files, "are strings, some of the import system"
        ),
        look.published("code_object.firstlineno", codes, plausible, "are not negative"),
    ]


def _dicts(look: Look, dicts: list[int]) -> list[Trial]:
    """Test that entries of dictionaries are found: some modules have a name in any process."""
    memory, published = look.memory, look.layout.published
    keys = find_key(memory, published, dicts[:SINGLETON_SAMPLE], "__name__")
    values = read_values(memory, published, dicts, keys)
    named = [at for at, value in zip(dicts, values, strict=True) if value is not None]
    things = named or dicts
    field = "dict_object.ma_keys"
    return [look.published(field, things, [bool(named)] * len(things), "modules have a name")]
