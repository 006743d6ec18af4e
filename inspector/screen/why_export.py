"""What keeps threads apart, written to a file in the format that its name tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inspector.screen.console import record_console
from inspector.screen.export import export_console_html, export_console_svg
from inspector.screen.streams import open_output
from inspector.screen.why import why_view

if TYPE_CHECKING:
    from inspector.diagnosis.why import Parallelism

__all__ = ["WHY_SUFFIXES", "export_findings"]

WHY_SUFFIXES: Final = (".json", ".txt", ".svg", ".html")
"""Ends of names of export files; each names a format."""

WIDTH: Final = 120
"""Cells of a picture, and characters of a line of text."""


def export_findings(found: Parallelism, path: str) -> None:
    """Write all findings to a file.

    Raises :class:`~inspector.errors.FileError`.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        text = json.dumps(found.as_dict()) + "\n"
    else:
        console = record_console(WIDTH)
        console.print(why_view(found))
        title = f"inspector why {found.target.pid}"
        if suffix == ".svg":
            text = export_console_svg(console, title)
        elif suffix == ".html":
            text = export_console_html(console)
        else:
            text = console.export_text()
    with open_output(path, "w") as stream:
        stream.write(text)
