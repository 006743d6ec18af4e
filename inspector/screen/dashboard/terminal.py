"""The terminal: taken, drawn on, read from, and always given back.

Knows: termios, and the few sequences for the other screen, the cursor and the lines.
Ctrl-Z is read as a key here, so that the terminal is given back before the stop.

Does not know what is drawn.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from inspector.screen.dashboard.key_codes import decode_keys
from inspector.screen.dashboard.paint import Paint, has_unicode
from inspector.screen.dashboard.state import Size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

    from rich.text import Text

__all__ = ["Terminal"]

# The other screen, no cursor, no wrapping; and the way back.
TAKE: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
GIVE: Final = "\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"
# Terminals that know them show what is between at once; others ignore them.
FROM_HERE, TO_HERE = "\x1b[?2026h", "\x1b[?2026l"

ESCAPE_WAIT: Final = 0.05
"""Seconds after which an escape was the key of that name."""

MOMENT: Final = 0.1
"""Seconds in which the kernel has stopped every thread of a process."""

FALLBACK: Final = Size(80, 24)

ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
HANDLED: Final = (*ENDING, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
KEYS: Final = {signal.SIGTSTP: "ctrl-z", signal.SIGCONT: "resumed"}


class Terminal:
    """A terminal that is ours inside a ``with`` statement.

    ``signals`` says that the process is ours too, and this its main thread: then what
    would end or stop the process is handled, and happens once the terminal is given back.
    """

    def __init__(self, source: int, sink: int, *, signals: bool) -> None:
        self._source, self._sink = source, sink
        self._signals = signals
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._wake: tuple[int, int] | None = None
        self._wakeup_before = -1
        self._pending = b""
        self._queue: list[str] = []
        self._shown: list[Text] = []
        self.ended_by: signal.Signals | None = None
        """What the process has to end of, once the terminal is given back."""
        self.unicode = has_unicode()
        self._paint = Paint(unicode=self.unicode)

    def __enter__(self) -> Self:
        if self._signals:
            read, write = os.pipe()
            os.set_blocking(read, False)
            os.set_blocking(write, False)
            self._wake = read, write
            self._wakeup_before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
            for number in HANDLED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._on_signal)
        try:
            self._take()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        if self.ended_by is not None and kind is None:
            if self.ended_by is signal.SIGINT:
                raise KeyboardInterrupt
            signal.raise_signal(self.ended_by)

    def size(self) -> Size:
        """Return cells and lines as they are now."""
        try:
            size = os.get_terminal_size(self._sink)
        except OSError:
            return FALLBACK
        return Size(size.columns or FALLBACK.width, size.lines or FALLBACK.height)

    def draw(self, lines: Sequence[Text], *, anew: bool = False) -> None:
        """Show some lines; only those that changed are written."""
        if anew or len(lines) != len(self._shown):
            self._shown = []
        parts = [] if self._shown else ["\x1b[0m\x1b[2J"]
        changed = [
            number
            for number, line in enumerate(lines)
            if not self._shown or line != self._shown[number]
        ]
        texts = self._paint.rendered([lines[number] for number in changed])
        for number, text in zip(changed, texts, strict=True):
            parts.append(f"\x1b[{number + 1};1H\x1b[0m\x1b[2K{text}")
        self._shown = list(lines)
        if parts:
            self._write("".join([FROM_HERE, *parts, TO_HERE]))

    def wait(self, timeout: float, also: Sequence[int] = ()) -> list[str]:
        """Wait for keys, a signal or one of the files; return the keys.

        ``quit`` is one that nobody pressed: a signal is about to end the process, or
        the terminal is gone.
        """
        wake = [self._wake[0]] if self._wake else []
        if self._queue:
            timeout = 0
        ready, _, _ = select.select([self._source, *wake, *also], [], [], timeout)
        keys, self._queue = self._queue, []
        if wake and wake[0] in ready:
            with suppress(BlockingIOError):
                while os.read(wake[0], 512):
                    pass
            keys += self._queue
            self._queue = []
        if self._source in ready:
            keys += self._read()
        return keys

    def suspend(self) -> None:
        """Give the terminal back, stop until told to go on, and take it again."""
        self._give()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL) if self._signals else None
        # All that was started with us, as the terminal itself would do.  Nobody stops a
        # group whose shell is gone: then this returns at once.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        # Here the process stops, unless another thread takes the signal in a moment.
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        if threading.active_count() > 1:
            time.sleep(MOMENT)
        if handler is not None:
            signal.signal(signal.SIGTSTP, handler)
        self._take()

    def resume(self) -> None:
        """Take the terminal again, after somebody else stopped us and had it meanwhile."""
        self._take()

    def _take(self) -> None:
        if self._before is None:
            self._before = termios.tcgetattr(self._source)
        mode = [*self._before[:6], list(self._before[6])]
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        mode[6][termios.VSUSP] = b"\0"
        self._set(mode)
        self._shown = []
        self._write(TAKE)

    def _give(self) -> None:
        if not self._is_ours():
            return
        # Its mode first: who sees the other screen go finds the terminal as it was.
        if self._before is not None:
            with suppress(termios.error, OSError):
                self._set(self._before)
        with suppress(OSError):
            self._write(GIVE)

    def _is_ours(self) -> bool:
        """Whether nobody else has set its mode since: a shell, once its program is gone."""
        try:
            mode = termios.tcgetattr(self._source)
        except (termios.error, OSError):
            return True
        return not mode[3] & (termios.ECHO | termios.ICANON) and mode[6][termios.VSUSP] == b"\0"

    def _set(self, mode: list[Any]) -> None:
        """Set the terminal's mode, also from the background, which would stop us."""
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            termios.tcsetattr(self._source, termios.TCSADRAIN, mode)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)

    def _leave(self) -> None:
        self._give()
        self._before = None
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        if self._wake is not None:
            signal.set_wakeup_fd(self._wakeup_before)
            for each in self._wake:
                os.close(each)
            self._wake = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as Python calls it
        received = signal.Signals(number)
        if received in ENDING:
            self.ended_by = received
            self._queue.append("quit")
        elif received in KEYS:
            self._queue.append(KEYS[received])

    def _read(self) -> list[str]:
        """Return the keys that were typed; those of one sequence come together."""
        try:
            data = os.read(self._source, 4096)
        except OSError:
            data = b""
        if not data:
            return ["quit"]
        keys, self._pending = decode_keys(self._pending + data, more=True)
        if self._pending and not select.select([self._source], [], [], ESCAPE_WAIT)[0]:
            more, self._pending = decode_keys(self._pending)
            keys += more
        return keys

    def _write(self, text: str) -> None:
        encoding = "utf-8" if self.unicode else "ascii"
        data = memoryview(text.encode(encoding, "replace"))
        while data:
            try:
                data = data[os.write(self._sink, data) :]
            except BlockingIOError:
                select.select([], [self._sink], [])
