"""Histograms from files that ``histo``, ``dump --instances`` or ``record`` wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.errors import FileError
from inspector.snapshots.documents import PARSE_ERRORS, parse_histogram, parse_snapshot
from inspector.snapshots.recording import RecordingReader, is_recording, read_last_document

if TYPE_CHECKING:
    from inspector.snapshots.heap import Histogram

__all__ = ["read_histogram"]


def read_histogram(path: str) -> Histogram:
    """Return the histogram in the last line of a file that ``histo`` wrote.

    Of a document of ``dump --instances``, and of the last reading of a recording, it is the
    heap that came with the counts.  Raises :class:`FileError` for any other file.
    """
    if is_recording(path):
        with RecordingReader(path) as reader:
            return _require_heap(path, reader.read(len(reader) - 1).heap)
    try:
        document = read_last_document(path)
        if "objects" in document:
            return _require_heap(path, parse_snapshot(document).heap)
        return parse_histogram(document)
    except PARSE_ERRORS as error:
        raise FileError(
            f"{path} is not a document of histo --json",
            path=path,
            hint="inspector histo PID --json writes one, and --export FILE.json",
        ) from error


def _require_heap(path: str, heap: Histogram | None) -> Histogram:
    """Return a heap that came with counts; raise :class:`FileError` where none did."""
    if heap is None:
        raise FileError(
            f"{path} has no instances: the heap was not read",
            path=path,
            hint="dump --instances --json has them, and record without --no-instances",
        )
    return heap
