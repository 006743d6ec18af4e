"""Discovers where types, code objects and dictionaries keep their unique id.

Sources: ``PyHeapTypeObject.unique_id`` (Include/cpython/object.h),
``PyCodeObject._co_unique_id`` (Include/cpython/code.h),
``PyDictObject._ma_watcher_tag`` (Include/cpython/dictobject.h; the id is its
upper half, ``DICT_UNIQUE_ID_SHIFT`` in pycore_dict.h); 3.14 and 3.15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.layout import DICT_SUBCLASS, TYPE_SUBCLASS, Offset
from inspector.cpython.pool import Pool, read_table
from inspector.cpython.refcount import HEADER_SIZE, decode_header
from inspector.cpython.runtime_lists import read_pointer
from inspector.cpython.words import word_at
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = ["IdOffsets", "TypeOffsets", "classify_types", "find_id_offsets", "read_type_offsets"]

SAMPLE: Final = 1536
"""Most members of the pool that are examined; fewer would exclude chance as well."""

MAX_BASICSIZE: Final = 1 << 13


class TypeOffsets(NamedTuple):
    """Published offsets in ``PyTypeObject``, in bytes."""

    tp_flags: int
    tp_name: int
    tp_basicsize: int


class IdOffsets(NamedTuple):
    """Offsets at which members of the pool hold their own id, in bytes."""

    type_unique_id: int
    code_unique_id: int
    dict_watcher_tag: int
    code_type: int
    """Address of ``PyCode_Type``."""
    members: int
    """How many members were examined."""
    offsets: tuple[Offset, ...]
    """The same offsets, each with its evidence."""


def read_type_offsets(published: Published) -> TypeOffsets:
    """Return the published offsets in ``PyTypeObject``.

    3.14 does not publish ``tp_basicsize``; it follows ``tp_name`` in the public
    structure (Include/cpython/object.h).
    """
    name = published["type_object.tp_name"]
    return TypeOffsets(
        published["type_object.tp_flags"], name, published.get("type_object.tp_basicsize", name + 8)
    )


def classify_types(
    memory: Memory, types: TypeOffsets, ob_types: set[int]
) -> tuple[dict[int, str], list[int]]:
    """Return ({type address: kind of its instances}, the addresses of other types).

    A kind is ``type``, ``dict`` or ``code``.  Only these have a unique id.
    """
    order = list(ob_types)
    flags = memory.read_many([(address + types.tp_flags, 8) for address in order])
    names = memory.read_many([(address + types.tp_name, 8) for address in order])
    kinds: dict[int, str] = {}
    others = []
    for address, flag, name in zip(order, flags, names, strict=True):
        bits = int.from_bytes(flag or b"", "little")
        if bits & TYPE_SUBCLASS:
            kinds[address] = "type"
        elif bits & DICT_SUBCLASS:
            kinds[address] = "dict"
        elif _is_code(memory, int.from_bytes(name or b"", "little")):
            kinds[address] = "code"
        else:
            others.append(address)
    return kinds, others


def _is_code(memory: Memory, name: int) -> bool:
    """Whether the C string at this address is ``code``."""
    try:
        return memory.read(name, 5) == b"code\0"
    except MemoryFault:
        return False


def find_id_offsets(
    memory: Memory, published: Published, types: TypeOffsets, pool: Pool
) -> IdOffsets:
    """Return the offsets at which the members of ``pool`` hold their id.

    Raises :class:`LayoutError` if a member is not a type, dictionary or code object, which
    means that this is not the pool, or if no offset, or more than one, holds every id.
    """
    members = read_table(memory, pool)
    kinds, by_kind = _classify_members(memory, types, pool, _pick_sample(members))
    if not all(by_kind.values()):
        # In a pool with very many members of one kind, a sample may miss another kind.
        kinds, all_by_kind = _classify_members(memory, types, pool, members)
        for kind in by_kind:
            by_kind[kind] = by_kind[kind] or all_by_kind[kind]
    sizes = {
        "type": (published["type_object.size"], _read_heap_type_size(memory, types, kinds)),
        "code": (HEADER_SIZE, published["code_object.size"]),
        "dict": (HEADER_SIZE, published["dict_object.size"]),
    }
    values = {}
    found = []
    sampled = 0
    for field, kind in zip(_FIELDS, ("type", "code", "dict"), strict=True):
        value, agreed = _find_one_offset(memory, pool, by_kind[kind], sizes[kind], field)
        values[kind] = value
        evidence = f"{agreed} of {agreed} {kind} objects agree"
        found.append(Offset(field, value, "discovered", evidence))
        sampled += len(by_kind[kind])
    code_type = _first_of_kind(kinds, "code")
    return IdOffsets(
        values["type"], values["code"], values["dict"], code_type, sampled, tuple(found)
    )


def _first_of_kind(kinds: dict[int, str], wanted: str) -> int:
    """Return the first type whose instances are of a kind; 0 if there is none."""
    for address, kind in kinds.items():
        if kind == wanted:
            return address
    return 0


def _classify_members(
    memory: Memory, types: TypeOffsets, pool: Pool, members: dict[int, int]
) -> tuple[dict[int, str], dict[str, dict[int, int]]]:
    """Return the kind by type of the members, and the members (index -> address) by kind.

    Raises :class:`LayoutError` for members of any other kind.
    """
    pieces = _read_members(memory, pool, members, (0, HEADER_SIZE))
    headers = {index: decode_header(words) for index, words in pieces.items()}
    kinds, others = classify_types(memory, types, {header.ob_type for header in headers.values()})
    by_kind: dict[str, dict[int, int]] = {"type": {}, "code": {}, "dict": {}}
    right = 0
    for index, header in headers.items():
        if header.deferred and not header.immortal and header.ob_type in kinds:
            by_kind[kinds[header.ob_type]][index] = members[index]
            right += 1
    # A new object gets its id before its deferred bit: one in a hundred may be new.
    if others or right < 0.99 * len(headers) or not right:
        raise LayoutError(
            "PyInterpreterState.unique_ids",
            expected="types, dictionaries and code objects with deferred counting",
            found=f"{right} of {len(headers)} members are",
        )
    return kinds, by_kind


_FIELDS: Final[dict[str, Callable[[int], int]]] = {
    "PyHeapTypeObject.unique_id": lambda word: word,
    "PyCodeObject._co_unique_id": lambda word: word,
    "PyDictObject._ma_watcher_tag": lambda word: word >> 32,
}
"""How the id follows from the word at each field."""


def _pick_sample(members: dict[int, int]) -> dict[int, int]:
    """Return up to ``SAMPLE`` members (index -> address), spread evenly over the table."""
    return dict(list(members.items())[:: 1 + len(members) // SAMPLE])


def _read_members(
    memory: Memory, pool: Pool, members: dict[int, int], part: Range
) -> dict[int, bytes]:
    """Return one part (offset, size) of each member, by index.

    Leaves out members that died meanwhile.  CPython releases an id before it frees the
    object, so a member that is still in the table *after* it was read was alive then.
    """
    offset, size = part
    pieces = memory.read_many([(address + offset, size) for address in members.values()])
    alive = read_table(memory, pool)
    found: dict[int, bytes] = {}
    for (index, address), piece in zip(members.items(), pieces, strict=True):
        if piece is not None and alive.get(index) == address:
            found[index] = piece
    return found


def _read_heap_type_size(memory: Memory, types: TypeOffsets, kinds: dict[int, str]) -> int:
    """Return ``sizeof(PyHeapTypeObject)``: the ``tp_basicsize`` of ``type`` itself.

    ``type`` is the one type that is an instance of itself.
    """
    address = _first_of_kind(kinds, "type")
    for _ in range(16):
        metatype = decode_header(memory.read(address, HEADER_SIZE)).ob_type
        if metatype == address:
            size = read_pointer(memory, address + types.tp_basicsize)
            if size <= MAX_BASICSIZE:
                return size
            break
        address = metatype
    raise LayoutError("type.tp_basicsize", expected=f"at most {MAX_BASICSIZE}", found="others")


def _find_one_offset(
    memory: Memory,
    pool: Pool,
    members: dict[int, int],
    bounds: tuple[int, int],
    field: str,
) -> tuple[int, int]:
    """Return the only offset at which all members hold their id, and how many agree."""
    start, end = bounds
    count = max(0, end - start) // 8
    decode_id = _FIELDS[field]
    pieces = _read_members(memory, pool, members, (start, 8 * count))
    slots = list(range(count))
    for index, words in pieces.items():
        # The first members exclude nearly all slots.
        fitting = []
        for slot in slots:
            if decode_id(word_at(words, 8 * slot)) == index + 1:
                fitting.append(slot)
        slots = fitting
    if len(slots) != 1 or not pieces:
        raise LayoutError(
            field,
            expected=f"one offset that holds the id in all of {len(pieces)} objects",
            found=f"{len(slots)} such offsets",
        )
    return start + 8 * slots[0], len(pieces)
