"""For how long something is watched, and what comes of it, as options say; loads no Rich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SUFFIXES", "Course"]

SUFFIXES: Final = (".svg", ".html", ".json", ".csv", ".md")
"""Of files that a view can be exported to: each names a format."""


@dataclass(frozen=True)
class Course:
    """For how long something is watched, and what comes of it."""

    once: bool = False
    """A single reading, printed."""
    duration: float | None = None
    """Seconds."""
    export: str = ""
    """The file that the last view is written to."""
    json: bool = False
    """A JSON document per reading instead of a table."""
