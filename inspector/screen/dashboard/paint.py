"""Lines with their colours, in the letters that a terminal takes."""

from __future__ import annotations

import sys
from io import StringIO
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Paint", "has_unicode"]

ASCII: Final = str.maketrans({"…": "~", "·": "-", "▏": "_", "⏎": "Enter", "µ": "u"})


class Paint:
    """Turns texts into what is written to a terminal, as far as it has colours."""

    def __init__(self, *, unicode: bool) -> None:
        self._unicode = unicode
        self._console = Console(file=StringIO(), force_terminal=True, legacy_windows=False)

    def rendered(self, lines: Sequence[Text]) -> list[str]:
        """Return lines with their colours."""
        if not lines:
            return []
        with self._console.capture() as captured:
            whole = Text("\n").join(lines)
            self._console.print(whole, no_wrap=True, overflow="ignore", crop=False)
        text = captured.get()
        return (text if self._unicode else text.translate(ASCII)).split("\n")[:-1]


def has_unicode() -> bool:
    """Whether standard output takes all letters, as the locale says."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "").startswith("utf")
