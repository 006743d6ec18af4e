"""The lines that a program writes to its standard output and error, for the dashboard."""

from __future__ import annotations

import os
import re
import select
from collections import deque
from contextlib import suppress
from typing import Final

__all__ = ["Pane"]

LINES: Final = 10_000
"""Lines that are kept."""

LONGEST: Final = 1 << 16
"""Characters of a line that never ends."""

CHUNK: Final = 1 << 16
AT_ONCE: Final = 64
"""Chunks that are taken in before the screen is drawn again."""

STANDARD_OUTPUT: Final = 1

ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class Pane:
    """Keeps the lines that come through a pipe, and writes them out when the dashboard closes."""

    def __init__(self, read: int) -> None:
        """``read`` is the end of the pipe to read; -1 where a file has the output."""
        self._lines: deque[str] = deque(maxlen=LINES)
        self._shown: tuple[str, ...] = ()
        self._part = ""
        self._read = read
        self.ended = read < 0
        if read >= 0:
            os.set_blocking(read, False)

    def give(self, last: int) -> None:
        """Write the last lines where the program writes again."""
        text = "".join(f"{line}\n" for line in self.lines()[-last:])
        _write_all(STANDARD_OUTPUT, text.encode("utf-8", "replace"))

    def pump(self) -> None:
        """Copy what children of the program write to standard output until all have ended."""
        while self.fileno() >= 0:
            select.select([self._read], [], [])
            _write_all(STANDARD_OUTPUT, self._chunk())

    def fileno(self) -> int:
        """Return the file to wait for; -1 when there will be no more."""
        return -1 if self.ended else self._read

    def lines(self) -> tuple[str, ...]:
        """Take in what is there to be read, and return the last lines."""
        news = False
        for _ in range(AT_ONCE):
            data = self._chunk()
            if not data:
                break
            news = True
            *whole, self._part = (self._part + data.decode("utf-8", "replace")).split("\n")
            self._part = self._part[-LONGEST:]
            self._lines.extend(_render_line(line) for line in whole)
        if news:
            unfinished = _render_line(self._part)
            self._shown = (*self._lines, unfinished) if unfinished else tuple(self._lines)
        return self._shown

    def _chunk(self) -> bytes:
        """Return what can be read now; no bytes if nothing can, or at the end."""
        if self.ended:
            return b""
        try:
            data = os.read(self._read, CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            self.ended = True
            os.close(self._read)
        return data


def _write_all(number: int, data: bytes) -> None:
    """Write all data; stop silently if the output is closed."""
    rest = memoryview(data)
    with suppress(OSError):
        while rest:
            rest = rest[os.write(number, rest) :]


def _render_line(line: str) -> str:
    """Return a line as a terminal shows it: what follows the last carriage return."""
    line = ESCAPES.sub("", line).rstrip("\r")
    return line.rpartition("\r")[2].expandtabs()
