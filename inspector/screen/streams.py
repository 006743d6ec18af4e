"""Where reports and errors go: a file, standard output or standard error."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Final

from inspector.errors import FileError
from inspector.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.errors import InspectorError

__all__ = ["has_terminal", "output", "print_error", "say", "standard_output"]

STANDARD_ERROR: Final = 2


def has_terminal() -> bool:
    """Whether there is a terminal to draw on, and to read keys from."""
    if os.environ.get("TERM", "") in {"", "dumb"}:
        return False
    return all(stream and sys.stdout.isatty() for stream in (sys.__stdin__, sys.__stdout__))


@contextmanager
def output(path: str | None, mode: str) -> Iterator[IO[str]]:
    """Open a file, or standard error for None; raise :class:`FileError` for what fails."""
    try:
        with _opened(path, mode) as stream:
            yield stream
            stream.flush()
    except OSError as error:
        name = path or "standard error"
        raise FileError(f"cannot write {name}: {error.strerror}", path=name) from error


def _opened(path: str | None, mode: str) -> IO[str]:
    """Open a file, or standard error by a descriptor of its own.

    A program may have closed that, or may close it meanwhile: what cannot be written
    must not stay behind in its stream.
    """
    if path is not None:
        from pathlib import Path  # noqa: PLC0415 - not for what goes to standard output

        return Path(path).open(mode, encoding="utf-8")
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    return os.fdopen(os.dup(STANDARD_ERROR), "w", encoding=encoding, errors="backslashreplace")


@contextmanager
def standard_output() -> Iterator[IO[str]]:
    """Hand out standard output; raise :class:`FileError` for what fails, or BrokenPipeError."""
    try:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and must not fail again there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        name = "standard output"
        raise FileError(f"cannot write {name}: {error.strerror}", path=name) from error


def say(line: str) -> None:
    """Write a line to standard error, if anybody reads it."""
    with suppress(OSError), _opened(None, "a") as stream:
        print(line, file=stream)


def print_error(error: InspectorError) -> None:
    """Say what went wrong, and what to do about it."""
    say(f"inspector: error: {plain(str(error))}")
    if error.hint:
        say(f"hint: {plain(error.hint)}")
