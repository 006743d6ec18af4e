"""Recordings: snapshots over time in a file, one reading in a line of JSON.

The first line describes the target and its layout.  After that, one reading in
:data:`WHOLE_EVERY` has every object; the others have the objects that changed since the
reading before, and the keys of those that are gone.  So it is with the types of the heap,
which is not read for every reading.  Each line is written before the next
reading begins: if the recorder is killed, only the last line can be incomplete.

Only the latest reading is kept in memory.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from inspector.errors import FileError
from inspector.snapshots.compressed_files import (
    CountingFile,
    make_file_error,
    open_compressor,
    open_decompressed,
)
from inspector.snapshots.documents import (
    MEASURED,
    PARSE_ERRORS,
    parse_histogram,
    parse_row,
    parse_snapshot,
    parse_type_use,
)
from inspector.snapshots.snapshot import ObjectCount

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from inspector.snapshots.heap import Histogram, TypeUse
    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import Snapshot

    UseKey = tuple[int | None, int, str]
    """Interpreter, address and name of a type."""

__all__ = [
    "RecordingReader",
    "RecordingWriter",
    "is_recording",
    "read_document",
    "read_last_document",
]

FORMAT: Final = 1
WHOLE_EVERY: Final = 60
"""Readings from one whole reading to the next; a seek reads at most so many lines."""

START: Final = b'{"inspector": "recording"'
WHOLE: Final = b'{"whole": true'
COLUMNS: Final = ObjectCount._fields

LONGEST_HEAD, LONGEST_LINE = 1 << 20, 1 << 29  # a million objects take half as many bytes
DOCUMENT: Final = b"{"
"""Beginning of a document of ``dump --json``."""


class RecordingWriter:
    """Writes readings to a file; the suffixes ``.gz`` and ``.zst`` compress it.

    Raises :class:`FileError` if the file cannot be written, exists already (unless
    ``force``), or this Python lacks the compression.
    """

    def __init__(self, path: str, layout: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = path
        self.count = 0
        self._layout = dict(layout)
        self._before: dict[ObjectKey, tuple[Any, ...]] = {}
        self._heap: Histogram | None = None
        self._uses: dict[UseKey, TypeUse] = {}
        try:
            raw = CountingFile(path, "wb" if force else "xb")
        except FileExistsError as error:
            raise FileError(f"{path} exists", path=path, hint="--force overwrites it") from error
        except OSError as error:
            raise make_file_error("write", path, error) from error
        self._raw = raw
        try:
            self._file = open_compressor(raw, path)
        except FileError:
            raw.close()
            Path(path).unlink()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._file is not self._raw:
                self._file.close()
            self._raw.close()
        except OSError as failure:
            raise make_file_error("write", self.path, failure) from failure

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._raw.size

    def add(self, snapshot: Snapshot) -> None:
        """Write one reading."""
        if not self.count:
            self._write(self._header(snapshot))
        whole = self.count % WHOLE_EVERY == 0
        before = {} if whole else self._before
        rows: dict[ObjectKey, tuple[Any, ...]] = {}
        changed = []
        for row in snapshot.rows:
            key = ObjectCount._make(row).key
            rows[key] = row
            if before.get(key) != row:
                changed.append(row)
        reading = snapshot._replace(rows=(), heap=None).as_dict()
        del reading["objects"], reading["heap"]
        document = {
            "whole": whole,
            "reading": reading,
            "rows": changed,
            "gone": [key for key in before if key not in rows],
            "heap": self._describe_heap(snapshot.heap, whole=whole),
        }
        self._write(document)
        self._before = rows
        self.count += 1

    def _describe_heap(self, heap: Histogram | None, *, whole: bool) -> dict[str, Any] | None:
        """Return the types of a heap that changed since it was last read; None if it was not.

        A whole reading has all types of the last heap, so that it can be read by itself.
        """
        if heap is None and whole:
            heap = self._heap
        if heap is None:
            return None
        before = {} if whole else self._uses
        uses = {use.key: use for use in heap.types}
        self._heap, self._uses = heap, uses
        document = heap._replace(types=()).as_dict()
        changed = [use for key, use in uses.items() if before.get(key) != use]
        return {
            **document,
            "type_count": heap.type_count,
            "types": [use[: len(MEASURED)] for use in changed],
            "gone": [key for key in before if key not in uses],
        }

    def _header(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "inspector": "recording",
            "format": FORMAT,
            "target": snapshot.target._asdict(),
            "layout": self._layout,
            "columns": COLUMNS,
            "heap_columns": MEASURED,
        }

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document).encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise make_file_error("write", self.path, error) from error


class RecordingReader:
    """A recording, of which any reading can be had.

    Raises :class:`FileError` for a file that cannot be read or is none; a line that
    was torn at the end is as if it was not there.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open_decompressed(path, START)
        self._starts = array("q")
        self._whole: list[int] = []
        self._at = -1
        self._rows: dict[ObjectKey, tuple[Any, ...]] = {}
        self._reading: dict[str, Any] = {}
        self._heap: Histogram | None = None
        self._uses: dict[UseKey, TypeUse] = {}
        try:
            self._index()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Return how many readings there are."""
        return len(self._starts)

    def read(self, number: int) -> Snapshot:
        """Return a reading, from 0."""
        first = self._whole[bisect_right(self._whole, number) - 1]
        if first <= self._at <= number:
            first = self._at + 1
        current = number
        try:
            for current in range(first, number + 1):
                self._apply(self._line(current))
                self._at = current
            snapshot = parse_snapshot(self._reading, tuple(self._rows.values()))
        except PARSE_ERRORS as error:
            self._at = -1
            text = f"{self.path}: reading {current + 1} is damaged"
            raise FileError(text, path=self.path) from error
        return snapshot._replace(heap=self._heap)

    def _apply(self, document: dict[str, Any]) -> None:
        """Turn the current reading into the next one."""
        if document["whole"]:
            self._rows, self._uses, self._heap = {}, {}, None
        for interpreter, address, name in document["gone"]:
            del self._rows[interpreter, address, name]
        for values in document["rows"]:
            row = parse_row(dict(zip(self.columns, values, strict=True)))
            self._rows[ObjectCount._make(row).key] = row
        self._reading = document["reading"]
        # Earlier releases did not read the heap.
        if document.get("heap") is not None:
            self._apply_heap(document["heap"])

    def _apply_heap(self, document: dict[str, Any]) -> None:
        """Turn the latest heap into the next one."""
        for interpreter, address, name in document["gone"]:
            del self._uses[interpreter, address, name]
        for values in document["types"]:
            use = parse_type_use(dict(zip(self.header["heap_columns"], values, strict=True)))
            self._uses[use.key] = use
        facts = parse_histogram({**document, "types": ()})
        self._heap = facts._replace(types=tuple(self._uses.values()))

    def _line(self, number: int) -> dict[str, Any]:
        self._file.seek(self._starts[number])
        document: dict[str, Any] = json.loads(self._file.readline(LONGEST_LINE))
        return document

    def _index(self) -> None:
        """Check the first line; find where every reading starts, and which readings are whole."""
        head = self._file.readline(LONGEST_HEAD)
        try:
            self.header: dict[str, Any] = json.loads(head)
            known = self.header["inspector"] == "recording"
            self.columns = tuple(self.header["columns"]) if known else ()
        except PARSE_ERRORS:
            known = False
        if not known:
            raise FileError(
                f"{self.path} is not an inspector recording",
                path=self.path,
                hint="inspector record writes one",
            )
        if self.header.get("format") != FORMAT:
            raise FileError(
                f"{self.path} has format {self.header.get('format')}, not {FORMAT}",
                path=self.path,
                hint="replay it with the release of inspector that wrote it",
            )
        start = len(head)
        while line := self._file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                where = f"{self.path}: reading {len(self._starts) + 1}"
                raise FileError(f"{where} is too long", path=self.path)
            if line.endswith(b"\n"):
                if line.startswith(WHOLE):
                    self._whole.append(len(self._starts))
                self._starts.append(start)
            start += len(line)
        if not self._starts or self._whole[:1] != [0]:
            raise FileError(f"{self.path} has no reading in it", path=self.path)


def is_recording(path: str) -> bool:
    """Whether a file begins as a recording does.

    Raises :class:`FileError` if it cannot be read.
    """
    with open_decompressed(path, START) as file:
        return file.read(len(START)) == START


def read_last_document(path: str) -> Any:  # noqa: ANN401 - JSON
    """Return the document in the last line of a file; raise one of PARSE_ERRORS for another."""
    line = b""
    with open_decompressed(path, DOCUMENT) as file:
        while found := file.readline(LONGEST_LINE):
            line = found.strip() or line
            if not line.startswith(DOCUMENT) or len(found) == LONGEST_LINE:
                raise ValueError("this is no document")
    return json.loads(line)


def read_document(path: str) -> Snapshot:
    """Return the snapshot in the last line of a file that ``dump --json`` wrote.

    Raises :class:`FileError` for any other file.
    """
    try:
        return parse_snapshot(read_last_document(path))
    except PARSE_ERRORS as error:
        raise FileError(
            f"{path} is neither a recording nor a document of dump --json",
            path=path,
            hint="documents of histo are compared by histo PID --baseline FILE",
        ) from error
