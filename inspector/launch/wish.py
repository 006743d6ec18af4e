"""What one may ask of a dashboard inside a program, as a value and as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Wish"]


@dataclass(frozen=True)
class Wish:
    """How a dashboard begins, and where the program's output goes."""

    sort: str = "total"
    patterns: tuple[str, ...] = ()
    threads: bool = False
    interval: float = 1.0
    """Seconds."""
    output: str | None = None
    """A file for what the program writes; None for the pane."""
    export: str = ""

    def dumps(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Wish:
        """Return what :meth:`dumps` made this text of."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "patterns": tuple(values["patterns"])})
