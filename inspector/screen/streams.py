"""Where reports and errors go: a file, or the standard error that Python started with."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from inspector.errors import FileError
from inspector.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from inspector.errors import InspectorError

__all__ = ["output", "print_error", "say"]


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


def _opened(path: str | None, mode: str) -> AbstractContextManager[IO[str]]:
    """Open a file, or take standard error; a program may have closed that."""
    standard = sys.__stderr__
    if path is None and standard is not None and not standard.closed:
        return nullcontext(standard)
    return Path(path or os.devnull).open(mode, encoding="utf-8")


def say(line: str) -> None:
    """Write a line to standard error, if anybody reads it."""
    with suppress(OSError), _opened(None, "a") as stream:
        print(line, file=stream)


def print_error(error: InspectorError) -> None:
    """Say what went wrong, and what to do about it."""
    say(f"inspector: error: {plain(str(error))}")
    if error.hint:
        say(f"hint: {plain(error.hint)}")
