"""The other side of :mod:`inspector.audit.worker`: a process that may fail, and its time limit."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from inspector.audit.forked_work import PIECE, describe_status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["Child", "ChildEnded", "ChildLate"]

LAST_BREATH: Final = 2
"""Seconds that a process may take to end once it has closed its pipes."""


class ChildEnded(Exception):
    """The process ended instead of answering; the text says how."""


class ChildLate(ChildEnded):
    """The process did not answer in time, and was ended."""


class Child:
    """A context manager: a worker process, with all that it starts.

    Standard input is empty and output is thrown away.  It leads a session of its own,
    which is killed as a whole when it is late and at the end.
    """

    def __init__(self) -> None:
        self._answers, theirs = os.pipe()
        mine, self._requests = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "inspector.audit.worker", str(mine), str(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(mine, theirs),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._answers)
            os.close(self._requests)
            raise
        finally:
            os.close(mine)
            os.close(theirs)
        self._rest = b""
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> int:
        """Kill the process and what it has started; return its status as Popen tells it."""
        if not self.ended:
            self.ended = True
            # Nobody has waited for it yet, so its number belongs to nobody else.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            os.close(self._answers)
            os.close(self._requests)
        return self._process.wait()

    @property
    def pid(self) -> int:
        """The worker process."""
        return self._process.pid

    def ask(self, request: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
        """Send a request and yield its answers until the last, which the caller knows.

        Raises :class:`ChildEnded`, and :class:`ChildLate` when nothing came for so long.
        """
        try:
            os.write(self._requests, json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise self._failure() from None
        while True:
            yield json.loads(self._line(time.monotonic() + seconds, seconds))

    def _line(self, deadline: float, seconds: float) -> bytes:
        """Return the next line of the answers."""
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                self.end()
                raise ChildLate(f"no answer within {seconds:g} s")
            piece = os.read(self._answers, PIECE)
            if not piece:
                raise self._failure()
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _failure(self) -> ChildEnded:
        """Return how the process ended, whose pipe is closed."""
        ending = os.pidfd_open(self._process.pid)
        poll = select.poll()
        poll.register(ending, select.POLLIN)
        poll.poll(LAST_BREATH * 1000)
        os.close(ending)
        return ChildEnded(describe_status(self.end()))
