"""A terminal for a program under test: what it wrote as a screen of characters, and its mode."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import warnings
from typing import TYPE_CHECKING, Self

from tests.support import environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Terminal"]

PATIENCE = 60
"""Seconds without a byte, after which there will be none."""
# A sequence whose writer was killed in the middle of it ends where the next one begins.
WRITTEN = re.compile(
    r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[=>]|([^\x1b])|\x1b(?:\[[0-9;?]*)?(?=\x1b)", re.DOTALL
)


class Terminal:
    """A session of its own in which a program runs; it is killed when the test leaves it."""

    SIZE = 100, 24
    """Cells and lines that it begins with."""

    def __init__(self, *words: object, **variables: str) -> None:
        """Start a program in a terminal."""
        kept = {**environment(), "TERM": "xterm-256color", "LANG": "C.UTF-8", **variables}
        with warnings.catch_warnings():
            # Other threads of whoever runs the tests are no matter: the child becomes another
            # program at once.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid, self._file = pty.fork()
        if not self.pid:
            # Before the program can ask for it.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *self.SIZE[::-1], 0, 0))
            os.chdir("/")
            os.execvpe(str(words[0]), [str(word) for word in words], kept)  # noqa: S606 - a program, no shell
        self._height = self.SIZE[1]
        self.written = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._rows: dict[int, dict[int, str]] = {}
        self._at = (0, 0)
        self._reversed = False
        self._marked: set[int] = set()
        self.other_screen = False
        self.hidden_cursor = False
        self.status: int | None = None

    @classmethod
    def inspector(cls, *words: object, **variables: str) -> Self:
        """Start inspector on this interpreter."""
        return cls(sys.executable, "-m", "inspector", *words, **variables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._file)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the terminal; the program gets SIGWINCH."""
        self._height = height
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def send(self, *keys: str) -> None:
        """Type something."""
        os.write(self._file, "".join(keys).encode())

    def scribble(self, text: str) -> None:
        """Write on the screen as a program would that has nothing to do with the tested one."""
        with open(f"/proc/{self.pid}/fd/1", "w", encoding="utf-8") as screen:  # noqa: PTH123 - a terminal
            screen.write(text)
        self.until_true(lambda: text in self.written, "it is on the screen")

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        found = []
        for number in range(self._height):
            row = self._rows.get(number, {})
            found.append(
                "".join(row.get(at, " ") for at in range(max(row, default=-1) + 1)).rstrip()
            )
        return found

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    @property
    def marked(self) -> str:
        """The screen as one text, with ``>`` before what is drawn reversed: the cursor's row."""
        lines = enumerate(self.lines)
        return "\n".join(f">{line}" if number in self._marked else line for number, line in lines)

    @property
    def is_sane(self) -> bool:
        """Whether the terminal is as it was given to the program."""
        mode = termios.tcgetattr(self._file)[3]
        cooked = bool(mode & termios.ICANON and mode & termios.ECHO)
        return cooked and not self.other_screen and not self.hidden_cursor

    def until(self, *parts: str, without: str = "\0") -> str:
        """Read until all of these, regular expressions, are on the screen; return it.

        The test's watchdog ends this if it never comes to be.
        """
        self.until_true(
            lambda: all(re.search(part, self.text) for part in parts) and without not in self.text,
            str(parts),
        )
        return self.text

    def until_true(self, reached: Callable[[], bool], what: str) -> None:
        """Read until something holds."""
        while not reached():
            assert self._read(), f"it ended before {what}:\n{self.text}\n{self.written[-2000:]!r}"

    def end(self) -> int:
        """Read until the program has ended; return its exit status, negative for a signal."""
        while self._read():
            pass
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def _read(self) -> bool:
        """Take in what is there, or wait for it; False at the end, or of all patience."""
        if not select.select([self._file], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self._file, 1 << 16)
        except OSError:
            return False
        text = self._decoder.decode(data)  # a character may come in two parts
        self.written += text
        self._show(self._rest + text)
        return bool(data)

    def _show(self, text: str) -> None:
        """Put characters where they belong."""
        end = 0
        for match in WRITTEN.finditer(text):
            if match.start() != end:
                break
            end = match.end()
            row, column = self._at
            if match[2]:
                self._obey(match[1], match[2])
            elif match[3] == "\n":
                self._at = (row + 1, column)
            elif match[3] == "\r":
                self._at = (row, 0)
            elif match[3]:
                self._rows.setdefault(row, {})[column] = match[3]
                if self._reversed:
                    self._marked.add(row)
                self._at = (row, column + 1)
        self._rest = text[end:]

    def _obey(self, values: str, letter: str) -> None:
        """Do what a control sequence says, as far as it concerns these tests."""
        row, _ = self._at
        if letter == "H":
            at = [int(value or 1) for value in (values or "1;1").split(";")]
            self._at = (at[0] - 1, at[1] - 1)
        elif letter == "J":
            self._rows, self._marked = {}, set()
        elif letter == "K":
            self._rows.pop(row, None)
            self._marked.discard(row)
        elif letter == "m":
            styles = values.split(";")
            self._reversed = "7" in styles or (self._reversed and "0" not in styles)
        elif values == "?1049":
            self.other_screen = letter == "h"
        elif values == "?25":
            self.hidden_cursor = letter == "l"
