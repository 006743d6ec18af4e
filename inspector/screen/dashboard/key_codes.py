"""Bytes of a terminal as names of keys; pure.

Knows: the sequences that xterm and everything that calls itself xterm, screen, tmux or
linux sends, with the cursor keys in either mode.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["decode_keys"]

SEQUENCES: Final = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "1~": "home",
    "7~": "home",
    "4~": "end",
    "8~": "end",
    "5~": "pageup",
    "6~": "pagedown",
    "M": "enter",
}
CONTROLS: Final = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\t": "tab",
    "\x1b": "escape",
}
ESCAPED: Final = re.compile(r"\x1b(?:\[([\d;<?]*[ -/]*[@-~])|O(.))", re.DOTALL)
UNFINISHED: Final = re.compile(rb"\x1b(?:\[[\d;<?]*|O)?\Z")


def decode_keys(data: bytes, *, more: bool = False) -> tuple[list[str], bytes]:
    """Return the keys in some bytes, and the bytes of one that is not complete.

    ``more`` says that its rest may still come: an escape is then the start of a key.
    Sequences that are not known are no keys.
    """
    rest = b""
    if more and (match := UNFINISHED.search(data)):
        data, rest = data[: match.start()], match[0]
    cut = _count_unfinished_bytes(data)
    if more and cut:
        data, rest = data[:-cut], data[-cut:] + rest
    text = data.decode("utf-8", "ignore")
    keys: list[str] = []
    at = 0
    while at < len(text):
        match_text = ESCAPED.match(text, at)
        if match_text:
            name = SEQUENCES.get(match_text[1] or match_text[2])
            keys += [name] if name else []
            at = match_text.end()
            continue
        letter = text[at]
        at += 1
        if letter in CONTROLS:
            keys.append(CONTROLS[letter])
        elif letter < " ":
            keys.append(f"ctrl-{chr(ord(letter) + 96)}")
        else:
            keys.append(letter)
    return keys, rest


def _count_unfinished_bytes(data: bytes) -> int:
    """Return how many bytes at the end are the start of one UTF-8 letter."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:  # noqa: PLR2004 - the first of several
            need = 2 + (byte >= 0xE0) + (byte >= 0xF0)  # noqa: PLR2004 - likewise
            return back if back < need else 0
        if byte < 0x80:  # noqa: PLR2004 - a letter by itself
            return 0
    return 0
