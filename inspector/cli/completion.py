"""What a shell offers for a word that is not complete yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["complete_pids", "complete_words"]

LONGEST: Final = 60
"""Characters of a command."""


def complete_pids(incomplete: str) -> list[tuple[str, str]]:
    """Return the Python processes whose PID begins like a word, each with its command."""
    from inspector.reader.process_survey import find_python_commands
    from inspector.screen.text import escape_text

    found = []
    for pid, command in find_python_commands():
        if str(pid).startswith(incomplete):
            found.append((str(pid), escape_text(command, LONGEST)))
    return found


def complete_words(words: Collection[str]) -> Callable[[str], list[str]]:
    """Return what completes the last of several words with commas between them."""

    def complete(incomplete: str) -> list[str]:
        before, comma, _ = incomplete.rpartition(",")
        return [f"{before}{comma}{word}" for word in words]

    return complete
