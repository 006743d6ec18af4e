"""How the dashboard of a program begins, as a value and as text."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

__all__ = ["BoardOptions"]


class BoardOptions(NamedTuple):
    """How a dashboard begins."""

    sort: str = "total"
    patterns: tuple[str, ...] = ()
    threads: bool = False
    interval: float = 1.0
    """Seconds."""
    export: str = ""
    limit: int | None = None
    """The most rows; 0 for all, None for what the screen has room for."""

    def dumps(self) -> str:
        """Return it as text."""
        return json.dumps(self._asdict())

    @classmethod
    def loads(cls, text: str) -> BoardOptions:
        """Return what :meth:`dumps` made this text of."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "patterns": tuple(values["patterns"])})
