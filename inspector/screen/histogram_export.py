"""A histogram as a file: a document, a table, a picture or a page."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inspector.screen.console import record_console
from inspector.screen.export import export_console_html, export_console_svg, protect_spreadsheet
from inspector.screen.histogram import histogram_view
from inspector.screen.selected_types import select_types
from inspector.screen.streams import open_output
from inspector.screen.text import escape_markdown, escape_text
from inspector.snapshots.compressed_files import CountingFile, make_file_error, open_compressor
from inspector.snapshots.heap import TypeUse

if TYPE_CHECKING:
    from inspector.analysis.heap_change import Earlier
    from inspector.screen.selected_types import SelectedTypes, TypeSelection
    from inspector.snapshots.heap import Histogram

__all__ = ["HISTOGRAM_SUFFIXES", "export_histogram", "has_known_suffix"]

COMPRESSED: Final = (".json.gz", ".json.zst")

HISTOGRAM_SUFFIXES: Final = (".json", *COMPRESSED, ".csv", ".md", ".svg", ".html")
"""Ends of names of export files; each names a format."""

WIDTH: Final = 120
"""Cells of a picture."""


def has_known_suffix(path: str) -> bool:
    """Whether the name of a file says in which format it is to be written."""
    return path.lower().endswith(HISTOGRAM_SUFFIXES)


def export_histogram(
    histogram: Histogram, choice: TypeSelection, earlier: Earlier | None, path: str
) -> None:
    """Write the rows that match, up to the limit, in the format that the suffix names.

    Raises :class:`~inspector.errors.FileError`.
    """
    chosen = select_types(histogram, choice, None)
    if path.lower().endswith(COMPRESSED):
        _write_compressed(_export_json(chosen), path)
        return
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        text = _export_json(chosen)
    elif suffix == ".csv":
        text = _export_csv(chosen)
    elif suffix == ".md":
        text = _export_markdown(chosen)
    else:
        console = record_console(WIDTH)
        console.print(histogram_view(chosen, histogram, choice.sort, earlier))
        title = f"inspector histo {histogram.target['pid']}"
        text = (
            export_console_svg(console, title) if suffix == ".svg" else export_console_html(console)
        )
    with open_output(path, "w") as stream:
        stream.write(text)


def _write_compressed(text: str, path: str) -> None:
    """Write a compressed file, by its suffix."""
    try:
        with CountingFile(path, "wb") as raw:
            file = open_compressor(raw, path)
            file.write(text.encode())
            file.close()
    except OSError as error:
        raise make_file_error("write", path, error) from error


def _export_json(chosen: SelectedTypes) -> str:
    return json.dumps(chosen.histogram.as_dict()) + "\n"


def _export_csv(chosen: SelectedTypes) -> str:
    stream = StringIO()
    columns = [name for name in TypeUse._fields if name != "steps"]
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in chosen.histogram.types:
        name = protect_spreadsheet(escape_text(row.name))
        writer.writerow({**row._asdict(), "name": name})
    return stream.getvalue()


def _export_markdown(chosen: SelectedTypes) -> str:
    head = ("type", "instances", "delta", "bytes", "attached", "delta bytes", "growing")
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * 5} --- |"]
    for row in chosen.histogram.types:
        numbers = (row.instances, row.delta, row.bytes, row.attached, row.delta_bytes)
        cells = ["" if number is None else f"{number:,}" for number in numbers]
        growing = "growing" if row.growing else ""
        lines.append(f"| {escape_markdown(row.name)} | {' | '.join(cells)} | {growing} |")
    return "\n".join(lines) + "\n"
