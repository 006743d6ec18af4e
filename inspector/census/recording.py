"""Recordings: snapshots over time in a file, one reading in a line of JSON.

The first line tells the target and its layout.  After that, a reading in
:data:`WHOLE_EVERY` has every object; the others have what is not as it was in the
reading before, and which objects are gone.  Each line is handed to the kernel before
the next reading begins: whatever kills the recorder, only the last line can be torn.

Nothing is kept in memory but the reading before, however long it takes.
"""

from __future__ import annotations

import gzip
import importlib
import json
import tempfile
import zlib
from array import array
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from inspector.census.documents import row_of, snapshot_of
from inspector.census.frame import key_of
from inspector.census.snapshot import ObjectCount
from inspector.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from inspector.census.frame import Key
    from inspector.census.snapshot import Snapshot

__all__ = ["Reader", "Writer", "is_recording"]

FORMAT: Final = 1
WHOLE_EVERY: Final = 60
"""Readings from one that is whole to the next: what a seek has to go through."""

GZIP, ZSTD = ".gz", ".zst"
MAGIC: Final = {b"\x1f\x8b": GZIP, b"\x28\xb5": ZSTD}
START: Final = b'{"inspector": "recording"'
WHOLE: Final = b'{"whole": true'
WITH_HEADER: Final = 16 + zlib.MAX_WBITS
"""What tells zlib that its data is a gzip file."""
CHUNK: Final = 1 << 16
COLUMNS: Final = ObjectCount._fields


class Writer:
    """A file that takes readings; ``.gz`` and ``.zst`` as its suffix compress it.

    Raises :class:`FileError` where the file cannot be written, exists already (unless
    ``force``), or cannot be compressed that way by this Python.
    """

    def __init__(self, path: str, layout: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = path
        self.count = 0
        self._layout = dict(layout)
        self._before: dict[Key, tuple[Any, ...]] = {}
        try:
            raw = Path(path).open("wb" if force else "xb", buffering=0)  # noqa: SIM115 - closed in __exit__
        except FileExistsError as error:
            raise FileError(f"{path} exists", path=path, hint="--force overwrites it") from error
        except OSError as error:
            raise _failed("write", path, error) from error
        self._raw = raw
        try:
            self._file = _compressing(raw, path)
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
            raise _failed("write", self.path, failure) from failure

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._raw.tell()

    def add(self, snapshot: Snapshot) -> None:
        """Write one reading."""
        if not self.count:
            self._write(self._header(snapshot))
        whole = self.count % WHOLE_EVERY == 0
        rows = {key_of(ObjectCount._make(row)): row for row in snapshot.rows}
        before = {} if whole else self._before
        reading = replace(snapshot, rows=()).as_dict()
        del reading["objects"]
        document = {
            "whole": whole,
            "reading": reading,
            "rows": [row for key, row in rows.items() if before.get(key) != row],
            "gone": [key for key in before if key not in rows],
        }
        self._write(document)
        self._before = rows
        self.count += 1

    def _header(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "inspector": "recording",
            "format": FORMAT,
            "target": replace(snapshot, rows=()).as_dict()["target"],
            "layout": self._layout,
            "columns": COLUMNS,
        }

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document).encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise _failed("write", self.path, error) from error


class Reader:
    """A recording, of which any reading can be had.

    Raises :class:`FileError` for a file that cannot be read or is none; a line that
    was torn at the end is as if it was not there.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = _plain(path)
        except (OSError, zlib.error) as error:
            raise _failed("read", path, error) from error
        self._starts = array("q")
        self._whole: list[int] = []
        self._at = -1
        self._rows: dict[Key, tuple[Any, ...]] = {}
        self._reading: dict[str, Any] = {}
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
        first = max(whole for whole in self._whole if whole <= number)
        if first <= self._at <= number:
            first = self._at + 1
        each = number
        try:
            for each in range(first, number + 1):
                self._apply(self._line(each))
                self._at = each
            return snapshot_of(self._reading, tuple(self._rows.values()))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._at = -1
            raise FileError(
                f"{self.path}: reading {each + 1} is damaged", path=self.path
            ) from error

    def _apply(self, document: dict[str, Any]) -> None:
        """Make the next reading of the one before."""
        if document["whole"]:
            self._rows = {}
        for interpreter, address, name in document["gone"]:
            del self._rows[interpreter, address, name]
        for values in document["rows"]:
            row = row_of(dict(zip(self.columns, values, strict=True)))
            self._rows[key_of(ObjectCount._make(row))] = row
        self._reading = document["reading"]

    def _line(self, number: int) -> dict[str, Any]:
        self._file.seek(self._starts[number])
        document: dict[str, Any] = json.loads(self._file.readline())
        return document

    def _index(self) -> None:
        """Find where every line starts, and which are whole."""
        head = self._file.readline()
        try:
            self.header: dict[str, Any] = json.loads(head)
            known = self.header["inspector"] == "recording"
            self.columns = tuple(self.header["columns"]) if known else ()
        except (ValueError, LookupError, TypeError):
            known = False
        if not known:
            raise FileError(
                f"{self.path} is no recording", path=self.path, hint="inspector record writes one"
            )
        if self.header.get("format") != FORMAT:
            raise FileError(
                f"{self.path} has format {self.header.get('format')}, not {FORMAT}",
                path=self.path,
                hint="replay it with the release of inspector that wrote it",
            )
        start = len(head)
        for line in self._file:
            if line.endswith(b"\n"):
                if line.startswith(WHOLE):
                    self._whole.append(len(self._starts))
                self._starts.append(start)
            start += len(line)
        if not self._starts or self._whole[:1] != [0]:
            raise FileError(f"{self.path} has no reading in it", path=self.path)


def is_recording(path: str) -> bool:
    """Whether a file begins as a recording does; raise :class:`FileError` if it cannot be read."""
    try:
        with _plain(path) as file:
            return file.read(len(START)) == START
    except (OSError, zlib.error) as error:
        raise _failed("read", path, error) from error


def _compressing(raw: IO[bytes], path: str) -> IO[bytes]:
    """Return what compresses into a file, as its name says."""
    suffix = Path(path).suffix.lower()
    if suffix == GZIP:
        # No name and time in it: the same readings are the same file.
        return gzip.GzipFile("", "wb", 6, raw, mtime=0)  # type: ignore[return-value]
    if suffix == ZSTD:
        return _zstd(path).ZstdFile(raw, "wb")  # type: ignore[no-any-return]
    return raw


def _plain(path: str) -> IO[bytes]:
    """Open a file; one that is compressed is unpacked, as far as it goes, into a nameless one."""
    file = Path(path).open("rb")  # noqa: SIM115 - handed on
    suffix = MAGIC.get(file.read(2))
    file.seek(0)
    if suffix is None:
        return file
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - handed on
    with file:
        # Piece by piece, which gives all that there is where whoever wrote it was killed.
        machine: Any = (
            zlib.decompressobj(WITH_HEADER) if suffix == GZIP else _zstd(path).ZstdDecompressor()
        )
        with suppress(EOFError):  # bytes after the end
            while piece := file.read(CHUNK):
                unpacked.write(machine.decompress(piece))
    unpacked.seek(0)
    return unpacked


def _zstd(path: str) -> Any:  # noqa: ANN401 - a module that not every Python has
    try:
        zstd = importlib.import_module("compression.zstd")
    except ImportError as error:
        raise FileError(
            f"{path}: this Python cannot compress with zstd",
            path=path,
            hint="use .gz, or a Python 3.14 that was built with libzstd",
        ) from error
    return zstd


def _failed(what: str, path: str, error: OSError | zlib.error) -> FileError:
    reason = getattr(error, "strerror", None) or error
    return FileError(f"cannot {what} {path}: {reason}", path=path)
