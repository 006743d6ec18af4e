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
    layout, published = process.layout, process.layout.published
    ranges = [(address, layout.type_unique_id + 8) for address in types]
    there: dict[int, bytes] = {}
    for address, piece in zip(types, process.memory.read_many(ranges), strict=True):
        if piece:
            there[address] = piece
    are_heap = []
    for words in there.values():
        are_heap.append(bool(word_at(words, published["type_object.tp_flags"]) & HEAP_TYPE))
    of_types = process.types_have_flag(there, TYPE_SUBCLASS)
    check = process.check_published
    return [
        check("pyobject.ob_type", there, of_types, "types are of a type"),
        check("type_object.tp_flags", there, are_heap, "are those of heap types"),
        *_check_names(process, there),
        _check_mros(process, there),
        _check_modules(process, there),
        *_check_slots(process, {address: types[address] for address in there}, there),
    ]


def _list_words(types: dict[int, bytes], offset: int) -> list[int]:
    """Return the word at an offset of each type."""
    return [word_at(words, offset) for words in types.values()]


def _check_names(process: ProcessView, types: dict[int, bytes]) -> list[FieldCheck]:
    """Check the names of types.

    A type is named twice, by a string and by a C string.  Any text may be its name, so that
    most types must have the same name twice.
    """
    memory, layout, published = process.memory, process.layout, process.layout.published
    strings = read_strings(memory, published, _list_words(types, layout.ht_name))
    places = _list_words(types, published["type_object.tp_name"])
    c_strings = read_c_strings(memory, places, 4 * MAX_TEXT)
    qualnames = _list_words(types, layout.ht_qualname)
    are_strings = process.types_have_flag(qualnames, UNICODE_SUBCLASS)
    same = 0
    for string, c_string in zip(strings, c_strings, strict=True):
        same += _are_one_name(string, c_string)
    most = same > len(types) / 2
    are_read = [most and text is not None for text in strings]
    lead = [most and text is not None for text in c_strings]
    qualified = [most and is_string for is_string in are_strings]
    by_address = dict(zip(types, qualified, strict=True))
    field = "PyHeapTypeObject.ht_qualname"
    check = process.check_published
    return [
        check("type_object.tp_name", types, lead, "lead to a name, most to the type's"),
        check("unicode_object.state", types, are_read, "names are read as strings"),
        check("unicode_object.length", types, are_read, "names are read as strings"),
        FieldCheck(field, layout.ht_qualname, "header", by_address, "are strings"),
    ]


def _check_mros(process: ProcessView, types: dict[int, bytes]) -> FieldCheck:
    """Check that mros begin with a type: most with the type itself, unless a metaclass differs."""
    mros = _list_words(types, process.layout.type_field("tp_mro"))
    first = process.read_pointers(mros, process.layout.published["tuple_object.ob_item"])
    themselves = 0
    for base, address in zip(first, types, strict=True):
        themselves += base == address
    most = themselves > len(types) / 2
    lead = [most and is_type for is_type in process.types_have_flag(first, TYPE_SUBCLASS)]
    condition = "mros begin with a type, most with itself"
    return process.check_published("tuple_object.ob_item", types, lead, condition)


def _check_modules(process: ProcessView, types: dict[int, bytes]) -> FieldCheck:
    offset = process.layout.ht_module
    modules = _list_words(types, offset)
    are_objects = process.types_have_flag(process.read_types(modules), TYPE_SUBCLASS)
    holds: dict[int, bool] = {}
    for address, module, is_object in zip(types, modules, are_objects, strict=True):
        holds[address] = not module or is_object
    field = "PyHeapTypeObject.ht_module"
    return FieldCheck(field, offset, "header", holds, "are NULL or objects")


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
    process: ProcessView, members: dict[int, Member], types: dict[int, bytes]
) -> list[FieldCheck]:
    """Check for each of :data:`SLOTS` whether the value in each type can be right."""
    offsets = {name: process.layout.type_field(name) for name in SLOTS}
    held = {name: _list_words(types, offset) for name, offset in offsets.items()}
    bases, subclasses = held["tp_base"], held["tp_subclasses"]
    larger = []
    base_sizes = process.read_pointers(bases, offsets["tp_basicsize"])
    for size, base_size in zip(held["tp_basicsize"], base_sizes, strict=True):
        larger.append(0 < base_size <= size)
    # Each interpreter gives out tags of its own.
    tags = []
    for member, tag in zip(members.values(), held["tp_version_tag"], strict=True):
        if tag & 0xFFFFFFFF:
            tags.append((member.interpreter, tag & 0xFFFFFFFF))
    different = 0 < len(set(tags)) == len(tags)
    lists = []
    are_dicts = process.types_have_flag(subclasses, DICT_SUBCLASS)
    are_bases = set(bases)
    for address, own, is_dict in zip(types, subclasses, are_dicts, strict=True):
        lists.append(is_dict or not (own or address in are_bases))
    holds = {
        "tp_basicsize": larger,
        "tp_dealloc": [dealloc != 0 for dealloc in held["tp_dealloc"]],
        "tp_base": process.types_have_flag(bases, TYPE_SUBCLASS),
        "tp_dict": process.types_have_flag(held["tp_dict"], DICT_SUBCLASS),
        "tp_mro": process.types_have_flag(held["tp_mro"], TUPLE_SUBCLASS),
        "tp_subclasses": lists,
        "tp_version_tag": [different] * len(types),
    }
    checks = []
    for name, condition in SLOTS.items():
        by_address = dict(zip(types, holds[name], strict=True))
        field = f"PyTypeObject.{name}"
        checks.append(FieldCheck(field, offsets[name], "header", by_address, condition))
    return checks


def _check_code_objects(process: ProcessView, codes: list[int]) -> list[FieldCheck]:
    """Check the members of code objects that name them.

    The names may be any text.  Every process has the code of the import system, whose file
    and names are known.
    """
    published = process.layout.published
    texts, strings = {}, {}
    for field in ("name", "qualname", "filename"):
        at = published[f"code_object.{field}"]
        held = process.read_pointers(codes, at)
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
    plausible = []
    for line in process.memory.read_many([(code + at, 4) for code in codes]):
        # A signed int of four bytes, the sign in the last one.
        plausible.append(line is not None and line[3] < 1 << 7)
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
