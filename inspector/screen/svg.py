"""Pictures that every renderer draws right: each word stands where its cells are; pure.

Rich writes a run of cells as one text, blanks included, with the length that it should have.
Browsers stretch it to that length.  librsvg and others do not, and columns shift where their
font is a little narrower or wider.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from rich.cells import cell_len

__all__ = ["place_words"]

RUN: Final = re.compile(
    r'<text class="(?P<style>[^"]*)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" '
    r'textLength="(?P<length>[\d.]+)" clip-path="(?P<clip>[^"]*)">(?P<text>[^<]*)</text>'
)
"""A run of cells, as :meth:`rich.console.Console.export_svg` writes it."""

WORD: Final = re.compile(r"[^\s\u00a0]+")


def place_words(picture: str) -> str:
    """Return a picture of Rich with a text of its own for each word, at the word's place."""
    return RUN.sub(_split_run, picture)


def _split_run(run: re.Match[str]) -> str:
    """Return the words of a run, each where its first cell is."""
    text = unescape(run["text"])
    cells = cell_len(text.rstrip("\n"))
    if not cells:
        return ""
    width = float(run["length"]) / cell_len(text)
    words = []
    for word in WORD.finditer(text):
        x = float(run["x"]) + width * cell_len(text[: word.start()])
        length = width * cell_len(word[0])
        words.append(
            f'<text class="{run["style"]}" x="{x:.6g}" y="{run["y"]}" textLength="{length:.6g}" '
            f'clip-path="{run["clip"]}">{escape(word[0])}</text>'
        )
    return "".join(words)
