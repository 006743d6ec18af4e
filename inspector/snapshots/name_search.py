"""Objects found by the name that somebody typed: whole, its end, or nearly right; pure.

Imported only for a name that no object has as it is: difflib is not loaded for a reading.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["find_names", "suggest_names"]

MOST: Final = 3
"""Names that are suggested at once."""

ALIKE: Final = 0.7
"""How much of a name must be right before it is suggested."""


def find_names(names: Collection[str], word: str) -> list[str]:
    """Return the names that a word means: itself, a built-in one, or all that end in it.

    ``deque`` means ``collections.deque``, and ``Order.Line`` ``app.Order.Line``; ``dict`` is
    always ``builtins.dict``.
    """
    for name in (word, f"builtins.{word}"):
        if name in names:
            return [name]
    return [name for name in names if word and name.endswith(f".{word}")]


def suggest_names(names: Collection[str], word: str) -> list[str]:
    """Return the names that somebody who typed a word may have meant, the likeliest first."""
    shorter: dict[str, str] = {}
    if "." not in word:
        for name in names:
            shorter.setdefault(name.rpartition(".")[2].lower(), name)
    whole = {name.lower(): name for name in names}
    found: list[str] = []
    for candidates in (shorter, whole):
        for close in get_close_matches(word.lower(), candidates, MOST, ALIKE):
            if candidates[close] not in found:
                found.append(candidates[close])
    return found[:MOST]
