"""Text that came out of another process, made harmless; numbers, made readable.

Knows: no library.  A name read from a target may hold anything: terminal escapes,
line breaks, letters that reorder their neighbours, halves of surrogate pairs, or a
million characters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "GIL_ON",
    "STOPPED_BY_SIGNAL",
    "escape_markdown",
    "escape_text",
    "format_count",
    "format_duration",
    "format_plural",
    "format_share",
    "join_facts",
    "list_names",
    "on_off",
]

LONGEST: Final = 1000
"""Characters of a name that are ever shown."""


GIL_ON: Final = "GIL on: threads do not run side by side, so no header is contended"
"""What is said first of a process whose GIL is on."""

STOPPED_BY_SIGNAL: Final = (
    "the process is stopped by a signal (SIGSTOP, or Ctrl-Z), and none of its threads runs: "
    "kill -CONT {} lets it go on"
)
"""Of a process id."""


def escape_text(text: str, longest: int = LONGEST) -> str:
    """Return text with everything that does not print written as a Python escape."""
    text = cut_middle(text, longest)
    if text.isprintable():
        return text
    escaped = ""
    for character in text:
        if character.isprintable():
            escaped += character
        else:
            escaped += character.encode("unicode_escape").decode()
    return escaped


def join_facts(*facts: str) -> str:
    """Return the facts of a headline on one line; empty ones are left out."""
    return " · ".join([fact for fact in facts if fact])


def escape_markdown(text: str) -> str:
    """Return text that Markdown takes for nothing else."""
    text = re.sub(r"([\\`*_{}\[\]()#+!|<>~&-])", r"\\\1", escape_text(text))
    return re.sub(r"\\([<>&])", lambda found: f"&#{ord(found[1])};", text)


def cut_middle(text: str, longest: int) -> str:
    """Leave out the middle of what is too long: the end of a dotted name tells most."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 3
    tail = longest - 1 - head
    return f"{text[:head]}…{text[-tail:]}" if tail else "…"


def format_count(number: int | None) -> str:
    """Return a count with its thousands apart, ``?`` for one that is not known."""
    return "?" if number is None else f"{number:,}"


def on_off(flag: bool | None) -> str:  # noqa: FBT001 - a value, not a way to do it
    """Return whether something is on, ``?`` where that is not known."""
    return {True: "on", False: "off", None: "?"}[flag]


def list_names(names: Sequence[str], most: int = 3) -> str:
    """Return the first names, and how many there are beside them."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def format_plural(number: int, noun: str) -> str:
    """Return a number and its noun, which takes an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_share(part: int, whole: int) -> str:
    """Return a part of a whole in percent, rounded down: 100 only for all of it."""
    if part == whole:
        return "100 %"
    return f"{part * 1000 // whole / 10} %"


def format_duration(nanoseconds: int) -> str:
    """Return a length of time in µs, or in ms from 10 ms on."""
    if nanoseconds < 10_000_000:  # noqa: PLR2004 - 10 ms
        return f"{nanoseconds // 1_000:,} µs"
    return f"{nanoseconds // 1_000_000:,} ms"
