"""What the set-up scripts say while they work: one error type, and progress on standard error.

Standard output belongs to the answer (a path), so nothing here ever writes to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 20


class SetupError(Exception):
    """The set-up cannot go on: one fact, and what to do about it."""

    def __init__(self, fact: str, hint: str) -> None:
        """Keep both sentences for :func:`main_guard`."""
        super().__init__(fact)
        self.hint = hint


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


class Ticker:
    """Elapsed seconds of one phase: live on a terminal, a line every half minute elsewhere."""

    def __init__(self, phase: str) -> None:
        """Announce the phase and start its clock."""
        self.phase = phase
        self.live = sys.stderr.isatty()
        self.started = self.shown = time.monotonic()
        if not self.live:
            say(f"{phase} ...")

    def tick(self) -> None:
        """Show the elapsed time if it is time to."""
        now = time.monotonic()
        if self.live:
            print(f"\rsetup: {self.phase} {self.elapsed()}", end="", file=sys.stderr, flush=True)
        elif now - self.shown >= 30:
            self.shown = now
            say(f"{self.phase} {self.elapsed()}")

    def elapsed(self) -> str:
        """Seconds since the phase began, as text."""
        return f"{time.monotonic() - self.started:.0f} s"

    def end(self, outcome: str = "done") -> None:
        """Close the phase with one lasting line."""
        start = "\r" if self.live else ""
        print(f"{start}setup: {self.phase}: {outcome} after {self.elapsed()}", file=sys.stderr)


def run_logged(
    phase: str,
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> None:
    """Run one step with its output appended to `log`.

    The step gets a process group of its own, ended as a whole when this script is interrupted.
    `keep_open` are file descriptors the step inherits: a lock handed down this way stays locked
    until the step's last process is gone, even if this script is killed outright.

    Raises :class:`SetupError`, with the log's last lines, if the step fails.
    """
    ticker = Ticker(phase)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(command)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=keep_open,
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = process.wait(timeout=1)
                    break
                ticker.tick()
        except BaseException:
            ticker.end("interrupted")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if status != 0:
        ticker.end("failed")
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n  ".join(lines[-TAIL_LINES:])
        raise SetupError(
            f"{phase} failed (exit status {status}); the last lines were:\n  {tail}",
            f"the whole log is {log}",
        )
    ticker.end()


@contextlib.contextmanager
def main_guard() -> Iterator[None]:
    """Turn errors into one message and an exit status; let SIGTERM and SIGHUP unwind the stack."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    try:
        yield
    except SetupError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
