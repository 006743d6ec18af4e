"""Finds the source line of a frame.

Sources: ``PyCodeObject`` (Include/cpython/code.h), ``_PyInterpreterFrame``
(Include/internal/pycore_interpframe_structs.h), ``_PyCodeArray`` of thread-local bytecode
(pycore_code.h), and the location table (Objects/locations.md); 3.14 and 3.15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.text import read_strings
from inspector.cpython.words import word_at
from inspector.process.recent_reads import RecentReads
from inspector.snapshots.thread_sample import CodeLocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["CodeLines", "find_line"]

UNIT: Final = 2
"""Bytes of a ``_Py_CODEUNIT``."""
OB_SIZE: Final = 32
"""``offsetof(PyVarObject, ob_size)`` of a free-threaded build: code units of a code object."""
MOST_UNITS: Final = 1 << 22
MOST_TABLE: Final = 1 << 22
MOST_KEPT: Final = 1 << 16
"""Lines, and copies of bytecode, that are kept."""

# Include/internal/pycore_code.h, enum _PyCodeLocationInfoKind.
ONE_LINE, NO_COLUMNS, LONG, NONE = 10, 13, 14, 15


_Identity = tuple[int, int, int]
"""Addresses of the file's name, the qualified name and the location table."""


class _Code(NamedTuple):
    """A code object; ``identity`` holds the words that no other code object would have."""

    identity: _Identity
    file: str
    function: str
    first_line: int
    table: bytes
    size: int
    """Bytes of its instructions."""


class CodeLines:
    """The source lines of frames; code objects are read once."""

    def __init__(self, memory: Memory, published: Published) -> None:
        self._memory = memory
        self._published = published
        self._head = max(
            published[f"code_object.{name}"] + 8
            for name in ("filename", "qualname", "linetable", "firstlineno", "co_tlbc")
        )
        self._reads = RecentReads(memory)
        self._known: dict[int, _Code] = {}
        self._starts: dict[tuple[int, _Identity, int, int], int | None] = {}
        """Code object, its identity, the array of copies, number of the copy -> its address."""
        self._lines: dict[tuple[_Identity, int], int | None] = {}
        """Code object and code unit -> line."""

    def find(self, frames: Sequence[tuple[int, int, int]]) -> list[CodeLocation | None]:
        """Return where each frame is, given its code object, ``instr_ptr`` and ``tlbc_index``.

        None for a frame that changed meanwhile, so that its instruction is not in its code.
        """
        order = list(dict.fromkeys(code for code, _, _ in frames))
        pieces = self._reads.read_many([(code, self._head) for code in order])
        heads = {code: head for code, head in zip(order, pieces, strict=True) if head is not None}
        self._learn(heads)
        starts = self._find_starts(heads, frames)
        found: list[CodeLocation | None] = []
        for (code, pointer, _), start in zip(frames, starts, strict=True):
            known = self._known.get(code) if code in heads else None
            if known is None or start is None or not 0 <= pointer - start < known.size:
                found.append(None)
                continue
            line = self._find_line(known, (pointer - start) // UNIT)
            found.append(CodeLocation(known.file, known.function, line))
        return found

    def _find_line(self, known: _Code, unit: int) -> int | None:
        """Return the line of a code unit, looked up once."""
        key = known.identity, unit
        if key not in self._lines:
            if len(self._lines) >= MOST_KEPT:
                self._lines.clear()
            self._lines[key] = find_line(known.table, known.first_line, unit)
        return self._lines[key]

    def _find_starts(
        self, heads: dict[int, bytes], frames: Sequence[tuple[int, int, int]]
    ) -> list[int | None]:
        """Return the address of the instructions of each frame: the code's own, or a copy's.

        ``_PyCodeArray`` {size, entries[]} has a copy for each thread; entry 0 is the code
        object's own.
        """
        copies_at = self._published["code_object.co_tlbc"]
        own_at = self._published["code_object.co_code_adaptive"]
        found: list[int | None] = []
        keys: list[tuple[int, _Identity, int, int] | None] = []
        for code, _, index in frames:
            known = self._known.get(code) if code in heads else None
            if known is None:
                found.append(None)
                keys.append(None)
            elif not index:
                found.append(code + own_at)
                keys.append(None)
            else:
                key = (code, known.identity, word_at(heads[code], copies_at), index)
                found.append(self._starts.get(key))
                keys.append(key)
        missing = list(dict.fromkeys(key for key in keys if key and key not in self._starts))
        if missing:
            self._read_starts(missing)
            found = [
                start if key is None else self._starts[key]
                for start, key in zip(found, keys, strict=True)
            ]
        return found

    def _read_starts(self, missing: Sequence[tuple[int, _Identity, int, int]]) -> None:
        """Read the addresses of copies of the bytecode."""
        ranges = []
        for _, _, copies, index in missing:
            ranges += [(copies, 8), (copies + 8 + 8 * index, 8)]
        pieces = self._memory.read_many(ranges)
        if len(self._starts) >= MOST_KEPT:
            self._starts.clear()
        for key, size, entry in zip(missing, pieces[::2], pieces[1::2], strict=True):
            whole = size is not None and entry is not None and key[3] < word_at(size, 0)
            self._starts[key] = (word_at(entry, 0) or None) if whole and entry else None

    def _learn(self, heads: dict[int, bytes]) -> None:
        """Read those of the code objects that are new."""
        published = self._published
        places = [published[f"code_object.{name}"] for name in ("filename", "qualname")]
        new = []
        for code, head in heads.items():
            table = word_at(head, published["code_object.linetable"])
            identity = (word_at(head, places[0]), word_at(head, places[1]), table)
            known = self._known.get(code)
            if known is None or known.identity != identity:
                new.append((code, identity))
        if not new:
            return
        texts = read_strings(self._memory, published, [each for _, i in new for each in i[:2]])
        tables = self._read_tables([identity[2] for _, identity in new])
        for number, (code, identity) in enumerate(new):
            file, function, table_bytes = texts[2 * number], texts[2 * number + 1], tables[number]
            self._known.pop(code, None)
            units = word_at(heads[code], OB_SIZE)
            if file is None or function is None or table_bytes is None or units > MOST_UNITS:
                continue
            first = published["code_object.firstlineno"]
            line = int.from_bytes(heads[code][first : first + 4], "little", signed=True)
            self._known[code] = _Code(identity, file, function, line, table_bytes, UNIT * units)

    def _read_tables(self, addresses: Sequence[int]) -> list[bytes | None]:
        """Return the contents of some ``bytes`` objects."""
        size_at = self._published["bytes_object.ob_size"]
        text_at = self._published["bytes_object.ob_sval"]
        sizes = self._memory.read_many([(address + size_at, 8) for address in addresses])
        ranges = []
        for address, words in zip(addresses, sizes, strict=True):
            size = word_at(words, 0) if words is not None else 0
            ranges.append((address + text_at, size if size <= MOST_TABLE else 0))
        return self._memory.read_many(ranges)


def find_line(table: bytes, first_line: int, unit: int) -> int | None:
    """Return the line of the code unit with number ``unit``; None if it has none.

    Each entry begins with a byte that has bit 7 set: its kind in bits 3 to 6, its length in
    code units minus one in bits 0 to 2.
    """
    line, end, place = first_line, 0, 0
    while place < len(table):
        kind = table[place] >> 3 & 15
        end += (table[place] & 7) + 1
        if kind in (NO_COLUMNS, LONG):
            line += _read_signed(table, place + 1)
        elif ONE_LINE <= kind < NO_COLUMNS:
            line += kind - ONE_LINE
        if unit < end:
            return None if kind == NONE else line
        place += 1
        while place < len(table) and not table[place] & 0x80:
            place += 1
    return None


def _read_signed(table: bytes, place: int) -> int:
    """Read a signed number in groups of six bits, the lowest first; bit 6 says that more follow."""
    number = shift = 0
    while place < len(table):
        number |= (table[place] & 63) << shift
        shift += 6
        if not table[place] & 64:
            break
        place += 1
    return -(number >> 1) if number & 1 else number >> 1
