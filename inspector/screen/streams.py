"""Where reports and errors go: a file, standard output or standard error."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Final

from inspector.errors import FileError
from inspector.process.os_errors import is_exhaustion, make_exhausted_error
from inspector.screen.text import escape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.errors import InspectorError

__all__ = [
    "drop_unwritten",
    "has_terminal",
    "hold_descriptors",
    "open_output",
    "print_error",
    "print_failure",
    "standard_output",
    "write_line",
]

STANDARD_OUTPUT: Final = 1
STANDARD_ERROR: Final = 2


def hold_descriptors() -> None:
    """Open those of the three standard descriptors that are closed.

    No file of ours must get the number of one: what is meant for standard error would go
    into it.  What is written to standard output then fails as it does where that is closed,
    what is written to standard error is lost, and programs that are started from here find
    theirs closed, as they were.
    """
    for number in range(STANDARD_ERROR + 1):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is the one that is given out.
            os.open(os.devnull, os.O_WRONLY if number == STANDARD_ERROR else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(STANDARD_OUTPUT, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(STANDARD_ERROR, "w", encoding="utf-8", closefd=False)


def drop_unwritten() -> None:
    """Drop what cannot be written to standard error: Python would end with a status for it."""
    try:
        sys.stderr.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_ERROR)


def has_terminal() -> bool:
    """Whether there is a terminal to draw on, and to read keys from."""
    if os.environ.get("TERM", "") in {"", "dumb"}:
        return False
    return bool(sys.__stdin__ and sys.__stdout__ and sys.stdout.isatty())


@contextmanager
def open_output(path: str | None, mode: str) -> Iterator[IO[str]]:
    """Open a file, or standard error for None; raise :class:`FileError` for what fails."""
    try:
        with _open_stream(path, mode) as stream:
            yield stream
            stream.flush()
    except OSError as error:
        if is_exhaustion(error) and path is None:
            raise make_exhausted_error(error) from error
        name = "standard error" if path is None else path
        raise FileError(f"cannot write {name}: {error.strerror}", path=name) from error


def _open_stream(path: str | None, mode: str) -> IO[str]:
    """Open a file, or standard error by a descriptor of its own.

    A program may have closed that, or may close it meanwhile: what cannot be written
    must not stay behind in its stream.
    """
    if path is not None:
        from pathlib import Path

        return Path(path).open(mode, encoding="utf-8")
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    return os.fdopen(os.dup(STANDARD_ERROR), "w", encoding=encoding, errors="backslashreplace")


@contextmanager
def standard_output(*, flush: bool = True) -> Iterator[IO[str]]:
    """Hand out standard output; raise :class:`FileError` for what fails, or BrokenPipeError.

    Who becomes another program does not ``flush`` what others have written before, which
    setting the stream up would do, too.
    """
    try:
        if flush and isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        yield sys.stdout
        if flush:
            sys.stdout.flush()
    except OSError as error:
        if is_exhaustion(error):
            raise  # by what else was done meanwhile
        # Python flushes once more at its end, and must not fail again there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        name = "standard output"
        reason = "it is closed" if error.errno == errno.EBADF else error.strerror
        raise FileError(f"cannot write {name}: {reason}", path=name) from error


def write_line(line: str) -> None:
    """Write a line to standard error, if anybody reads it; no other descriptor is needed."""
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    rest = f"{line}\n".encode(encoding, "backslashreplace")
    with suppress(OSError):
        while rest:
            rest = rest[os.write(STANDARD_ERROR, rest) :]


def print_error(error: InspectorError) -> None:
    """Say what went wrong, and what to do about it."""
    write_line(f"inspector: error: {escape_text(str(error))}")
    if error.hint:
        write_line(f"hint: {escape_text(error.hint)}")


def print_failure(failure: MemoryError | OSError) -> int:
    """Say what the system refused; return the exit status."""
    error = make_exhausted_error(failure)
    print_error(error)
    return error.exit_code
