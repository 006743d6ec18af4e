"""Files that are written compressed, by the suffix of their name, and read decompressed."""

from __future__ import annotations

import gzip
import importlib
import os
import tempfile
import zlib
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from inspector.errors import FileError
from inspector.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CountingFile", "make_file_error", "open_compressor", "open_decompressed"]

GZIP, ZSTD = ".gz", ".zst"
MAGIC: Final = {b"\x1f\x8b": GZIP, b"\x28\xb5": ZSTD}
WITH_HEADER: Final = 16 + zlib.MAX_WBITS
"""``wbits`` of zlib for data in the format of gzip."""
CHUNK: Final = 1 << 16


class CountingFile(FileIO):
    """An unbuffered file that counts its bytes, and writes all of them in one call.

    The position of a pipe cannot be asked, and a signal can cut a write to it short.
    """

    size = 0
    """Bytes written so far."""

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - a buffer, which 3.11 has no name for
        """Write all of the data; return its number of bytes."""
        rest = memoryview(data)
        whole = rest.nbytes
        while rest:
            rest = rest[super().write(rest) :]
        self.size += whole
        return whole


def open_compressor(raw: IO[bytes], path: str) -> IO[bytes]:
    """Return a file that compresses into ``raw``, by the suffix of its path, or ``raw`` itself.

    Raises :class:`FileError` for ``.zst`` where this Python has no Zstandard.
    """
    suffix = Path(path).suffix.lower()
    if suffix == GZIP:
        # Without a name and a time, so that equal recordings are equal files.
        return gzip.GzipFile("", "wb", 6, raw, mtime=0)  # type: ignore[return-value]
    if suffix == ZSTD:
        return _import_zstd(path).ZstdFile(raw, "wb")  # type: ignore[no-any-return]
    return raw


def open_decompressed(path: str, start: bytes) -> IO[bytes]:
    """Open a file; a compressed one is decompressed into a temporary file.

    A file that breaks off is read up to there.  Stops decompressing once the content does not
    begin with ``start``.  Raises :class:`FileError` for a file that cannot be read, that is
    damaged, or that is not a regular file: a pipe or a device may never end.
    """
    try:
        file = os.fdopen(open_regular(path), "rb")
        suffix = MAGIC.get(file.read(2))
        file.seek(0)
    except (OSError, ValueError) as error:
        raise make_file_error("read", path, error) from error
    if suffix is None:
        return file
    with file:
        return _decompress_file(
            file,
            _GzipDecoder() if suffix == GZIP else _ZstdDecoder(_import_zstd(path)),
            path,
            start,
        )


def _decompress_file(
    file: IO[bytes], machine: _GzipDecoder | _ZstdDecoder, path: str, start: bytes
) -> IO[bytes]:
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - handed on
    begin = b""
    try:
        # In pieces: a file whose writer was killed gives all that it has, and a small file
        # that decompresses to a huge one takes no memory.
        while start.startswith(begin) and (data := file.read(CHUNK)):
            for piece in machine.pieces(data):
                unpacked.write(piece)
                begin += piece[: len(start) - len(begin)]
                if not start.startswith(begin):
                    break
    except (OSError, zlib.error, _DamagedData) as error:
        unpacked.close()
        raise make_file_error("read", path, error) from error
    unpacked.seek(0)
    return unpacked


class _DamagedData(Exception):
    """Zstandard cannot decompress the data."""


class _GzipDecoder:
    """Decompresses the first member of a gzip file; a recorder writes only one."""

    def __init__(self) -> None:
        self._machine = zlib.decompressobj(WITH_HEADER)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be decompressed so far, in chunks."""
        piece = bytes(CHUNK)
        while not self._machine.eof and (data or len(piece) == CHUNK):
            piece = self._machine.decompress(data, CHUNK)
            data = self._machine.unconsumed_tail
            yield piece


class _ZstdDecoder:
    """Decompresses the frames of a Zstandard file, one after the other."""

    def __init__(self, zstd: Any) -> None:  # noqa: ANN401 - a module that not every Python has
        self._zstd = zstd
        self._machine = zstd.ZstdDecompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be decompressed so far, in chunks."""
        try:
            while data or not self._machine.needs_input:
                if self._machine.eof:
                    self._machine = self._zstd.ZstdDecompressor()
                yield self._machine.decompress(data, CHUNK)
                data = self._machine.unused_data
                if self._machine.eof and not data:
                    return
        except self._zstd.ZstdError as error:
            raise _DamagedData(error) from error


def _import_zstd(path: str) -> Any:  # noqa: ANN401 - a module that not every Python has
    for module in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(module)
        except ImportError:
            continue
    raise FileError(
        f"{path}: this Python has no zstd",
        path=path,
        hint="use .gz, a Python 3.14 that was built with libzstd, or pip install backports.zstd",
    )


def make_file_error(what: str, path: str, error: Exception) -> FileError:
    """Return the error for a file that cannot be read or written; ``what`` is the verb."""
    reason = getattr(error, "strerror", None) or error
    return FileError(f"cannot {what} {path}: {reason}", path=path)
