"""Checks of the offsets inside types, code objects and dictionaries."""

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
from inspector.diagnosis.layout_checks.field_check import FieldCheck
from inspector.errors import LayoutError
from inspector.reader.kinds import classify_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.diagnosis.layout_checks.field_check import ProcessView

__all__ = ["Member", "check_objects", "find_members"]


class Member(NamedTuple):
    """An object that has a unique id."""

    kind: str
    interpreter: int
    unique_id: int


def find_members(process: ProcessView) -> dict[int, Member]:
    """Return all objects that have a unique id at this moment, by address.

    Raises :class:`LayoutError` when no type is among them.
    """
    memory, layout = process.memory, process.layout
    found = {}
    for interpreter in read_interpreters(memory, layout.published, layout.runtime):
        table = read_table(memory, read_pool(memory, interpreter + layout.unique_ids))
        for (index, address), kind in classify_objects(memory, layout, table).items():
            found[address] = Member(kind, interpreter, index + 1)
    if "type" not in {member.kind for member in found.values()}:
        raise LayoutError(
            "type_object.tp_flags", expected="types among what has a unique id", found="none"
        )
    return found


def check_objects(process: ProcessView, found: dict[int, Member]) -> list[FieldCheck]:
    """Check the offsets that are read in these objects, which :func:`find_members` found."""
    kinds: dict[str, list[int]] = {"code": [], "dict": [], "type": []}
    for address, member in found.items():
        kinds[member.kind].append(address)
    return [
        *_check_code_objects(process, kinds["code"]),
        *_check_dicts(process, kinds["dict"]),
        # Last, because a type gets its id before the rest of it is filled in.
        *_check_types(process, {address: found[address] for address in kinds["type"]}),
    ]


def _check_types(process: ProcessView, types: dict[int, Member]) -> list[FieldCheck]:
    memory, layout, published = process.memory, process.layout, process.layout.published
    pieces = memory.read_many([(address, layout.type_unique_id + 8) for address in types])
    there: dict[int, bytes] = {}
    for address, piece in zip(types, pieces, strict=True):
        if piece:
            there[address] = piece

    def column(offset: int) -> list[int]:
        return [word_at(piece, offset) for piece in there.values()]

    flags = [bool(word & HEAP_TYPE) for word in column(published["type_object.tp_flags"])]
    # A type is named twice, by a string and by a C string; any text may be its name.
    strings = read_strings(memory, published, column(layout.ht_name))
    c_strings = read_c_strings(memory, column(published["type_object.tp_name"]), 4 * MAX_TEXT)
    same_names = 0
    for string, c_string in zip(strings, c_strings, strict=True):
        same_names += _are_one_name(string, c_string)
    most = same_names > len(strings) / 2
    names = [most and text is not None for text in strings]
    named = [most and text is not None for text in c_strings]
    qualified = process.types_have_flag(column(layout.ht_qualname), UNICODE_SUBCLASS)
    qualified = [most and is_string for is_string in qualified]
    mros = column(layout.type_field("tp_mro"))
    first = process.read_pointers(mro + published["tuple_object.ob_item"] for mro in mros)
    # A metaclass may put another type first.
    themselves = 0
    for base, address in zip(first, there, strict=True):
        themselves += base == address
    most = themselves > len(first) / 2
    led = [most and is_type for is_type in process.types_have_flag(first, TYPE_SUBCLASS)]
    of_types = process.types_have_flag(there, TYPE_SUBCLASS)
    header = {
        "PyHeapTypeObject.ht_qualname": (layout.ht_qualname, qualified, "are strings"),
        "PyHeapTypeObject.ht_module": (
            *(layout.ht_module, _null_or_object(process, column(layout.ht_module))),
            "are NULL or objects",
        ),
    }
    slots = {name: layout.type_field(name) for name in SLOTS}
    held = {name: column(at) for name, at in slots.items()}
    for name, holds in _check_slots(process, {at: types[at] for at in there}, held).items():
        header[f"PyTypeObject.{name}"] = (slots[name], holds, SLOTS[name])
    checks = [
        process.check_published("pyobject.ob_type", there, of_types, "types are of a type"),
        process.check_published("type_object.tp_flags", there, flags, "are those of heap types"),
        process.check_published(
            "type_object.tp_name", there, named, "lead to a name, most to the type's"
        ),
        process.check_published("unicode_object.state", there, names, "names are read as strings"),
        process.check_published("unicode_object.length", there, names, "names are read as strings"),
        process.check_published(
            "tuple_object.ob_item", there, led, "mros begin with a type, most with itself"
        ),
    ]
    for field, (value, holds, condition) in header.items():
        by_address = dict(zip(there, holds, strict=True))
        checks.append(FieldCheck(field, value, "header", by_address, condition))
    return checks


def _are_one_name(string: str | None, c_string: bytes | None) -> bool:
    """Whether the C string is the name, with or without a module before it."""
    if string is None or c_string is None:
        return False
    if len(string) > MAX_TEXT:
        return string[:MAX_TEXT].encode(errors="surrogatepass") in c_string
    name = string.encode(errors="surrogatepass")
    return c_string == name or c_string.endswith(b"." + name)


IMPORT_SYSTEM: Final = "<frozen importlib"
"""Beginning of the file names of its code (Lib/importlib/_bootstrap.py, frozen into CPython)."""

SLOTS: Final = {
    "tp_basicsize": "are not smaller than that of the base",
    "tp_dealloc": "are set",
    "tp_base": "are types",
    "tp_dict": "are dictionaries",
    "tp_mro": "are tuples",
    "tp_subclasses": "are dictionaries, or NULL without subclasses",
    "tp_version_tag": "are 0 or different",
}
"""Members of types whose offsets follow from a public header, and the condition for each."""


def _check_slots(
    process: ProcessView, types: dict[int, Member], held: dict[str, list[int]]
) -> dict[str, list[bool]]:
    """Return for each of :data:`SLOTS` whether the value in each type can be right."""
    at = process.layout.type_field("tp_basicsize")
    base_sizes = process.read_pointers(base + at for base in held["tp_base"])
    sizes = zip(held["tp_basicsize"], base_sizes, strict=True)
    subclasses = held["tp_subclasses"]
    # Each interpreter gives out tags of its own.
    used = []
    for member, tag in zip(types.values(), held["tp_version_tag"], strict=True):
        if tag & 0xFFFFFFFF:
            used.append((member.interpreter, tag & 0xFFFFFFFF))
    different = 0 < len(set(used)) == len(used)
    bases = set(held["tp_base"])
    are_dicts = process.types_have_flag(subclasses, DICT_SUBCLASS)
    lists_subclasses = []
    for address, own, is_dict in zip(types, subclasses, are_dicts, strict=True):
        lists_subclasses.append(is_dict or not (own or address in bases))
    return {
        "tp_basicsize": [0 < base <= size for size, base in sizes],
        "tp_dealloc": [dealloc != 0 for dealloc in held["tp_dealloc"]],
        "tp_base": process.types_have_flag(held["tp_base"], TYPE_SUBCLASS),
        "tp_dict": process.types_have_flag(held["tp_dict"], DICT_SUBCLASS),
        "tp_mro": process.types_have_flag(held["tp_mro"], TUPLE_SUBCLASS),
        "tp_subclasses": lists_subclasses,
        "tp_version_tag": [different] * len(types),
    }


def _null_or_object(process: ProcessView, objects: Sequence[int]) -> list[bool]:
    are_objects = process.types_have_flag(process.read_types(objects), TYPE_SUBCLASS)
    return [not address or good for address, good in zip(objects, are_objects, strict=True)]


def _check_code_objects(process: ProcessView, codes: list[int]) -> list[FieldCheck]:
    """Check the members of code objects that name them.

    The names may be any text.  Every process has the code of the import system, whose file
    and names are known.
    """
    published = process.layout.published
    texts, strings = {}, {}
    for field in ("name", "qualname", "filename"):
        at = published[f"code_object.{field}"]
        held = process.read_pointers(code + at for code in codes)
        strings[field] = process.types_have_flag(held, UNICODE_SUBCLASS)
        texts[field] = read_strings(process.memory, published, held)
    some_end = some_known = False
    for name, qualified in zip(texts["name"], texts["qualname"], strict=True):
        if name and qualified and qualified.endswith(f".{name}"):
            some_end = True
    for file in texts["filename"]:
        if file and file.startswith(IMPORT_SYSTEM):
            some_known = True
    named = []
    for is_name, is_qualified in zip(strings["name"], strings["qualname"], strict=True):
        named.append(some_end and is_name and is_qualified)
    of_files = [some_known and is_string for is_string in strings["filename"]]
    at = published["code_object.firstlineno"]
    lines = process.memory.read_many([(code + at, 4) for code in codes])
    # A signed int of four bytes, the sign in the last one.
    plausible = [line is not None and line[3] < 1 << 7 for line in lines]
    return [
        process.check_published(
            "code_object.qualname", codes, named, "are strings, some with the name at the end"
        ),
        process.check_published(
            "code_object.filename", codes, of_files, "are strings, some of the import system"
        ),
        process.check_published("code_object.firstlineno", codes, plausible, "are not negative"),
    ]


def _check_dicts(process: ProcessView, dicts: list[int]) -> list[FieldCheck]:
    """Check that entries of dictionaries are found: modules with a name are in any process."""
    memory, published = process.memory, process.layout.published
    keys = find_key(memory, published, dicts[:SINGLETON_SAMPLE], "__name__")
    values = read_values(memory, published, dicts, keys)
    named = []
    for address, value in zip(dicts, values, strict=True):
        if value is not None:
            named.append(address)
    things = named or dicts
    field = "dict_object.ma_keys"
    return [
        process.check_published(field, things, [bool(named)] * len(things), "modules have a name")
    ]
