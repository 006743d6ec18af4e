"""Files that are compressed, as their names say, and read as if they were not."""

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
"""What tells zlib that its data is a gzip file."""
CHUNK: Final = 1 << 16


class CountingFile(FileIO):
    """A file that hands all it is given to the kernel, and says how much that was.

    A pipe, too, which cannot be asked, and takes a part when a signal comes in between.
    """

    size = 0
    """Bytes so far."""

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - a buffer, which 3.11 has no name for
        """Write all of it; return how many bytes that are."""
        rest = memoryview(data)
        whole = rest.nbytes
        while rest:
            rest = rest[super().write(rest) :]
        self.size += whole
        return whole


def open_compressor(raw: IO[bytes], path: str) -> IO[bytes]:
    """Return what compresses into a file, as its name says."""
    suffix = Path(path).suffix.lower()
    if suffix == GZIP:
        # No name and time in it: the same readings are the same file.
        return gzip.GzipFile("", "wb", 6, raw, mtime=0)  # type: ignore[return-value]
    if suffix == ZSTD:
        return _import_zstd(path).ZstdFile(raw, "wb")  # type: ignore[no-any-return]
    return raw


def open_decompressed(path: str, start: bytes) -> IO[bytes]:
    """Open a file; one that is compressed is unpacked, as far as it goes, into a nameless one.

    Of one that does not begin with ``start`` no more is unpacked than tells so.  Raises
    :class:`FileError` where it cannot be read, or is damaged before its end; nothing but a
    regular file can be: pipes and devices may never end, or never begin.
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
    """Return what is in a compressed file, as a file."""
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - handed on
    begin = b""
    try:
        # Piece by piece, which gives all that there is where whoever wrote it was killed,
        # and takes no more memory for a byte that stands for many.
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
    """Zstandard found what it cannot have written."""


class _GzipDecoder:
    """The first member of a gzip file: a recorder writes one."""

    def __init__(self) -> None:
        self._machine = zlib.decompressobj(WITH_HEADER)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be told so far."""
        piece = bytes(CHUNK)
        while not self._machine.eof and (data or len(piece) == CHUNK):
            piece = self._machine.decompress(data, CHUNK)
            data = self._machine.unconsumed_tail
            yield piece


class _ZstdDecoder:
    """Frames of Zstandard, one after the other, as several recorders would leave them."""

    def __init__(self, zstd: Any) -> None:  # noqa: ANN401 - a module that not every Python has
        self._zstd = zstd
        self._machine = zstd.ZstdDecompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be told so far."""
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
    """Return the error for a file that cannot be read or written."""
    reason = getattr(error, "strerror", None) or error
    return FileError(f"cannot {what} {path}: {reason}", path=path)
