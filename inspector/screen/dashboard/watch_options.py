"""What the options of `attach` and `replay` allow and say; loads no Rich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inspector.screen.selection import SORTS

__all__ = [
    "BOARD_SORTS",
    "FASTEST",
    "SLOWEST",
    "SORTS_OVER_TIME",
    "SUFFIXES",
    "WatchOptions",
]

SUFFIXES: Final = (".svg", ".html", ".json", ".csv", ".md")
"""Suffixes of export files; each names a format."""

FASTEST, SLOWEST = 0.1, 60.0
"""Seconds between two readings."""

SORTS_OVER_TIME: Final = ("rate", "growth", "updates", "instances", "bytes")
"""Sort keys that take more than one reading, or a reading of the heap."""

BOARD_SORTS: Final = (*[name for name in SORTS if name != "name"], *SORTS_OVER_TIME, "name")
"""Sort keys of the dashboard, in the order in which the key ``s`` goes through them."""


@dataclass(frozen=True)
class WatchOptions:
    """How long a process or recording is watched, and where the result goes."""

    once: bool = False
    """Print a single reading."""
    duration: float | None = None
    """Seconds; None means until the user quits or the process ends."""
    export: str = ""
    """File that the last view is written to; empty for none."""
    json: bool = False
    """Print a JSON document per reading instead of a table."""
