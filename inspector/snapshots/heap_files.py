"""Histograms from files that ``histo`` wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from inspector.errors import FileError
from inspector.snapshots.compressed_files import open_decompressed
from inspector.snapshots.documents import PARSE_ERRORS, parse_histogram

if TYPE_CHECKING:
    from inspector.snapshots.heap import Histogram

__all__ = ["read_histogram"]

LONGEST_LINE: Final = 1 << 29
"""Bytes: a million types take half as many."""

DOCUMENT: Final = b"{"


def read_histogram(path: str) -> Histogram:
    """Return the histogram in the last line of a file that ``histo`` wrote.

    Raises :class:`FileError` for any other file.
    """
    line = b""
    try:
        with open_decompressed(path, DOCUMENT) as file:
            while found := file.readline(LONGEST_LINE):
                line = found.strip() or line
                if not line.startswith(DOCUMENT) or len(found) == LONGEST_LINE:
                    raise ValueError("this is no document")
        return parse_histogram(json.loads(line))
    except PARSE_ERRORS as error:
        raise FileError(
            f"{path} is not a document of histo --json",
            path=path,
            hint="inspector histo PID --json writes one, and --export FILE.json",
        ) from error
