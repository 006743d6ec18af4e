"""How a program is reported on, as a value and as text for the process that runs it."""

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
        """Return the options as text."""
        view = {**self.view._asdict(), "selection": self.view.selection._asdict()}
        return json.dumps({**self._asdict(), "view": view})

    @classmethod
    def loads(cls, text: str) -> ReportOptions:
        """Return the options that :meth:`dumps` made this text of."""
        fields = json.loads(text)
        view = fields["view"]
        selection = view["selection"]
        view["selection"] = Selection(**{**selection, "filters": tuple(selection["filters"])})
        return cls(**{**fields, "view": View(**view)})
