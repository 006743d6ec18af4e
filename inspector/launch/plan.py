"""What is handed over from the image that was asked to run a program to the one that does."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from inspector.screen.selection import Selection
from inspector.screen.view import View

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """How a program is reported on."""

    view: View = field(default_factory=View)
    output: str | None = None
    """Absolute path of the file that takes the reports; None for standard error."""
    module: bool = False
    """The program is a module, which Python may fail to find."""

    def dumps(self) -> str:
        """Return the plan as text."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Plan:
        """Return the plan that :meth:`dumps` made this text of."""
        plan = json.loads(text)
        view = plan.pop("view")
        selection = view.pop("selection")
        filters = tuple(selection.pop("filters"))
        return cls(View(Selection(filters=filters, **selection), **view), **plan)
