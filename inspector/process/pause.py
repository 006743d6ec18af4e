"""Another process stopped for one reading, and never longer than a limit.

Knows: how to keep the promise that the target runs on, whatever happens to the
reader.  A thread of its own stops the target, waits, and ends: signal handlers of
Python run in the main thread only, so Ctrl-C cannot interrupt it; it ends by
itself when the limit is over; and the kernel releases the threads of a target
whose tracer has ended, be it this thread or the whole reader that was killed.
(The option that would kill the target instead is not used.)

Both threads wait in the kernel, for events and not for locks: a lock of a
free-threaded Python first yields the processor some dozen times, which takes long
beside a busy target.

What a target can notice: the time, and on Linux a few system calls, epoll_wait
among them, return ``EINTR`` after a stop, see signal(7).  Python calls them again.
"""

from __future__ import annotations

import _thread
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final, Self

from inspector.errors import AccessDenied, Unsettled
from inspector.process.tracees import Tracees

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Pause", "pause_process"]

LATER: Final = frozenset(
    {
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        # Ctrl-Z must not stop the reader while it holds the target.
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
    }
)
"""Signals that the calling thread takes after the pause."""

EXIT_PATIENCE, EXIT_POLL = 1.0, 50e-6
"""Seconds to wait for the kernel to end a thread that has nothing left to do, and between looks."""

STUCK: Final = 0.02
"""Seconds without an answer after which the thread that stops may be stuck."""


def pause_process(pid: int, limit: float) -> Pause:
    """Return a context in which every thread of process ``pid`` stands still.

    The target runs on when the context is left, whatever the reason, and at the
    latest ``limit`` seconds after it was entered.  Entering raises
    :class:`NoSuchTarget`, :class:`AccessDenied`, :class:`TargetChanged` for an
    exec meanwhile, or :class:`Unsettled` when threads did not stop in time;
    leaving raises :class:`Unsettled` when the limit ended the pause first.

    While a child of the own process is stopped no other thread may wait for it:
    ``waitpid`` would report the stop as if it were the child's end.
    """
    return Pause(pid, limit)


class Pause:
    """One pause of another process, made by :func:`pause_process`."""

    def __init__(self, pid: int, limit: float) -> None:
        self.pid = pid
        self.limit = limit
        """Seconds."""
        self.ns = 0
        """Nanoseconds from the first interruption until the target is let go; 0 until then.

        The kernel takes some tenths of a millisecond more until all threads run.
        """
        self.threads = 0
        """How many threads were stopped."""
        self._overrun = False
        self._failure: BaseException | None = None
        self._task = 0
        """The thread that holds the target, as the kernel numbers it."""
        self._mask: set[signal.Signals] | set[int] = set()

    def __enter__(self) -> Self:
        """Stop the target; raise what prevents it."""
        if self.pid == os.getpid():
            raise AccessDenied(
                "a process cannot stop itself with ptrace",
                pid=self.pid,
                hint="the threads of the own process are stopped through its interpreter",
            )
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, LATER)
        self._ready, self._finish = os.eventfd(0), os.eventfd(0)
        try:
            tracees = Tracees(self.pid)
            _thread.start_new_thread(self._hold, (tracees,))
            while not _is_set(self._ready, time.monotonic() + STUCK):
                tracees.let_exec_pass()
        except BaseException:
            self._end()
            raise
        if self._failure:
            self._end()
            failure, self._failure = self._failure, None
            try:
                raise failure
            finally:
                # It holds this frame, and all that was read until now with it.
                del failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the target go; raise :class:`Unsettled` if the limit had done so before."""
        self._end()
        if self._overrun and (error is None or isinstance(error, Exception)):
            raise Unsettled(
                f"process {self.pid} could not be read within the pause limit of {self.limit:g} s",
                tries=1,
                hint="allow a longer pause, or read without stopping",
            ) from error

    def _end(self) -> None:
        """Let the target go and wait until it is; take the signals that came meanwhile."""
        try:
            os.eventfd_write(self._finish, 1)
            if self._await_end():
                os.close(self._ready)
                os.close(self._finish)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _hold(self, tracees: Tracees) -> None:
        """Stop, wait for the reader or the limit, let go; runs in the pause's own thread."""
        self._task = _thread.get_native_id()
        until = time.monotonic() + self.limit
        try:
            tracees.stop(until)
            self.threads = len(tracees)
            os.eventfd_write(self._ready, 1)
            self._overrun = not _is_set(self._finish, until)
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            self._failure = failure
        finally:
            tracees.hand_back()
            if tracees.begin_ns:
                self.ns = time.perf_counter_ns() - tracees.begin_ns
            os.eventfd_write(self._ready, 1)

    def _await_end(self) -> bool:
        """Wait until the kernel has ended our thread, and with it all that it held.

        False when it cannot be found out in time; the thread may not have begun.
        """
        until = time.monotonic() + EXIT_PATIENCE
        while not self._task or os.access(f"/proc/self/task/{self._task}", os.F_OK):
            if time.monotonic() > until:
                return False
            time.sleep(EXIT_POLL)
        return True


def _is_set(event: int, until: float) -> bool:
    """Wait for an event until a time of ``time.monotonic``; tell whether it came."""
    poll = select.poll()
    poll.register(event, select.POLLIN)
    return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
