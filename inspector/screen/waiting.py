"""A line on the terminal while a process takes long to read, erased afterwards; loads no Rich."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["announce_wait"]

STANDARD_ERROR: Final = 2

UNSAID: Final = 0.5
"""Seconds that anything may take without a word."""

ERASE: Final = "\r\x1b[K"


@contextmanager
def announce_wait(what: str, pid: int | None) -> Iterator[None]:
    """Say on standard error what is done with a process, once it takes a while.

    Nothing is said in a pipe, nor of the own process: a thread that speaks would be in the
    reading.
    """
    if pid is None or pid == os.getpid() or not _is_watched():
        yield
        return
    done = threading.Event()
    speaker = threading.Thread(
        target=_show_elapsed, args=(f"{what} process {pid}", done), daemon=True
    )
    speaker.start()
    try:
        yield
    finally:
        done.set()
        speaker.join()


def _is_watched() -> bool:
    """Whether standard error is a terminal that knows how to erase a line."""
    dumb = os.environ.get("TERM", "") in {"", "dumb"}
    return not dumb and sys.stderr is not None and sys.stderr.isatty()


def _show_elapsed(what: str, done: threading.Event) -> None:
    """Say what is done and for how long by now, until it is done."""
    begin = time.monotonic()
    said = False
    with suppress(OSError):
        while not done.wait(UNSAID):
            said = True
            seconds = time.monotonic() - begin
            os.write(STANDARD_ERROR, f"{ERASE}{what}, {seconds:.0f} s".encode())
        if said:
            os.write(STANDARD_ERROR, ERASE.encode())
