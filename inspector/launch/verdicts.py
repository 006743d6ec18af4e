"""Verdicts on the types that a program used, from inside its process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inspector.errors import InspectorError
from inspector.launch.report_options import ReportOptions
from inspector.launch.run_watcher import RunWatcher
from inspector.screen.streams import open_output, print_error, write_line
from inspector.screen.text import format_plural
from inspector.screen.verdicts import write_verdicts

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Verdicts"]


class Verdicts:
    """Watches the current process from :meth:`begin` to :meth:`end`, and writes the verdicts.

    ``plan`` is the text of :class:`~inspector.launch.report_options.ReportOptions`; ``loaded``
    has the names of the modules that were loaded before inspector's.  Loads all that it needs
    before the program begins, so that this does not count as the program's use of types.
    """

    def __init__(self, plan: str, loaded: Collection[str]) -> None:
        self._plan = ReportOptions.loads(plan)
        self._loaded = loaded
        self._watcher: RunWatcher | None = None

    def begin(self) -> None:
        """Begin to watch; if this process cannot be read, print the error and go on."""
        try:
            watcher = RunWatcher(self._loaded)
            watcher.begin()
        except InspectorError as error:
            print_error(error)
        else:
            self._watcher = watcher

    def end(self) -> None:
        """Report; what fails is said, not raised."""
        if self._watcher is None:
            return
        if self._plan.module and sys.modules["__main__"].__spec__ is None:
            write_line("inspector: the program did not start: there is nothing to report")
            return
        try:
            target, used = self._watcher.end()
            remarks = [
                f"from the whole run, with {format_plural(self._watcher.merges, 'merge')} in it"
            ]
            if missed := self._watcher.missed:
                remarks.append(
                    f"{format_plural(missed, 'merge')} could not be read: what was counted per "
                    "thread until then stands with the header"
                )
            with open_output(self._plan.output, "a") as stream:
                write_verdicts(target, used, self._plan.view, stream, remarks)
        except InspectorError as error:
            print_error(error)
