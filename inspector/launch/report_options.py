"""What is handed over from the image that was asked to run a program to the one that does."""

from __future__ import annotations

import json
from typing import NamedTuple

from inspector.screen.selection import Selection, View

__all__ = ["ReportOptions"]


class ReportOptions(NamedTuple):
    """How a program is reported on."""

    view: View = View()
    output: str | None = None
    """Absolute path of the file that takes the reports; None for standard error."""
    module: bool = False
    """The program is a module, which Python may fail to find."""

    def dumps(self) -> str:
        """Return the plan as text."""
        return json.dumps(self)

    @classmethod
    def loads(cls, text: str) -> ReportOptions:
        """Return the plan that :meth:`dumps` made this text of."""
        (selection, *view), *plan = json.loads(text)
        sort, filters, *limit = selection
        return cls(View(Selection(sort, tuple(filters), *limit), *view), *plan)
