"""Under which key a dictionary has what a word of its memory leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.text import read_strings
from inspector.cpython.words import word_at
from inspector.reader.values import read_values_of

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.cpython.names import Names
    from inspector.process.protocols import Memory
    from inspector.reader.heap_tally import Types

__all__ = ["NOTHING", "DictEntries"]

NOTHING: Final = "hash"
"""Step to a word that is no reference: the hash of a key may be an address."""

KEYS_HEADER: Final = 32
"""``offsetof(struct _dictkeysobject, dk_indices)``."""
LOG2_INDEX_BYTES, KIND = 9, 10
GENERAL: Final = 0
"""``dk_kind``: entries {hash, key, value}; others are {key, value}, of which split ones have
their values apart."""
MOST_LOG2: Final = 63
VALUES_HEADER: Final = 8
"""``offsetof(PyDictValues, values)``."""


class DictEntries:
    """Names the elements of dictionaries."""

    def __init__(
        self, memory: Memory, layout: Layout, names: Names, types: Types, *, values: bool
    ) -> None:
        self._memory = memory
        self._published = layout.published
        self._type_at = layout.published["pyobject.ob_type"]
        self._names = names
        self._types = types
        self._values = values
        self._steps: dict[int, str] = {}
        self._shapes: dict[int, tuple[int, int, int]] = {}

    def name(self, dictionary: int, address: int, *, attribute: bool) -> tuple[str, str]:
        """Return how a dictionary leads to what the word at an address holds.

        Keys are named by their type, as ``[str]``; those of ``attribute`` dictionaries, which
        code names, and all of them with values, by themselves.
        """
        key = self._find_key(dictionary, address)
        if key is None:
            return NOTHING, NOTHING
        if key == 0:
            return "{key}", "{key}"
        if attribute:
            text = read_strings(self._memory, self._published, [key])[0]
            if text:
                return f".{text}", f".{text}"
        ob_type = self._read_word(key + self._type_at)
        facts = self._types.facts.get(ob_type)
        if facts is None:
            return "[*]", "[*]"
        if ob_type not in self._steps:
            name = self._names.of([facts.named])[0].removeprefix("builtins.")
            self._steps[ob_type] = f"[{name}]"
        step = self._steps[ob_type]
        if not self._values:
            return step, step
        shown = read_values_of(self._memory, self._published, facts, [key])[0]
        return step, f"[{shown}]" if shown else step

    def _read_word(self, address: int) -> int:
        """Return a word; 0 where it cannot be read."""
        piece = self._memory.read_many([(address, 8)])[0]
        return 0 if piece is None else word_at(piece, 0)

    def key_at(self, keys: int, number: int) -> str | None:
        """Return the string that is a key of a table of keys, by its number."""
        entries, width = self._find_entries(keys)
        key = self._read_word(entries + number * width + width - 16) if width else 0
        return read_strings(self._memory, self._published, [key])[0] if key else None

    def _find_entries(self, keys: int) -> tuple[int, int]:
        """Return where the entries of a table of keys begin, and bytes of each; 0 if unknown."""
        head = self._memory.read_many([(keys, KEYS_HEADER)])[0]
        if head is None:
            return 0, 0
        entries = keys + KEYS_HEADER + (1 << (head[LOG2_INDEX_BYTES] & MOST_LOG2))
        return entries, 24 if head[KIND] == GENERAL else 16

    def _shape_of(self, dictionary: int) -> tuple[int, int, int]:
        """Return where the entries of a dictionary begin, bytes of each, and where values are."""
        if dictionary not in self._shapes:
            at = dictionary + self._published["dict_object.ma_keys"]
            words = self._memory.read_many([(at, 16)])[0] or bytes(16)
            entries, width = self._find_entries(word_at(words, 0))
            self._shapes[dictionary] = entries, width, word_at(words, 8)
        return self._shapes[dictionary]

    def _find_key(self, dictionary: int, address: int) -> int | None:
        """Return the key object; 0 where the word is a key itself, None where it is unknown."""
        entries, width, values = self._shape_of(dictionary)
        if not width:
            return None
        if values:
            number, rest = divmod(address - values - VALUES_HEADER, 8)
        else:
            number, rest = divmod(address - entries, width)
            if rest == width - 16:
                return 0
            rest -= width - 8
        if rest or number < 0:
            return None
        return self._read_word(entries + number * width + width - 16) or None
