"""A pause of another process, never longer than a limit.

The target continues whatever happens to the reader.  A separate thread stops the target,
waits, and ends.  Ctrl-C cannot interrupt it, because signal handlers of Python run in the main
thread only.  It ends by itself when the limit is over.  When it ends, or when the reader is
killed, the kernel releases the threads of the target (``PTRACE_O_EXITKILL``, which would kill
them, is not set).

Both threads wait for events in the kernel and not for locks: a lock of a free-threaded Python
yields the processor some dozen times first, which takes long beside a busy target.

The target can notice the time that passed.  A few system calls, such as epoll_wait, return
``EINTR`` after a stop (signal(7)); Python calls them again.
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

DELAYED_SIGNALS: Final = frozenset(
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
"""Signals that are blocked in the calling thread until the pause is over."""

EXIT_PATIENCE, EXIT_POLL = 1.0, 50e-6
"""Seconds to wait for the end of the separate thread, in all and between two checks."""

STUCK: Final = 0.02
"""Seconds without an answer after which the separate thread may hang in the kernel."""


def pause_process(pid: int, limit: float, *, registers: bool = False) -> Pause:
    """Return a context in which every thread of process ``pid`` is stopped.

    With ``registers`` the pause has those of all threads.

    The target continues when the context is left, and at the latest ``limit`` seconds after
    it was entered.  Entering raises :class:`NoSuchTarget`, :class:`AccessDenied`,
    :class:`TargetChanged` for an exec, or :class:`Unsettled` if threads did not stop in time.
    Leaving raises :class:`Unsettled` if the limit ended the pause before.

    While a child of the own process is stopped, no other thread may wait for it: ``waitpid``
    would report the stop as if the child had ended.
    """
    return Pause(pid, limit, registers=registers)


class Pause:
    """One pause of another process, made by :func:`pause_process`."""

    def __init__(self, pid: int, limit: float, *, registers: bool = False) -> None:
        self.pid = pid
        self.limit = limit
        """Seconds."""
        self._wants_registers = registers
        self.ns = 0
        """Nanoseconds from the first interruption until the target was released.

        0 before the end.  Some tenths of a millisecond pass until all threads run again.
        """
        self.threads = 0
        """How many threads were stopped."""
        self.registers: bytes | None = None
        """The registers of all threads, where they are asked for and could be read."""
        self._overrun = False
        self._failure: BaseException | None = None
        self._task = 0
        """Native id of the thread that holds the target; 0 until it has begun."""
        self._mask: set[signal.Signals] | set[int] = set()

    def __enter__(self) -> Self:
        """Stop the target; see :func:`pause_process` for errors."""
        if self.pid == os.getpid():
            raise AccessDenied(
                "a process cannot stop itself with ptrace",
                pid=self.pid,
                hint="the threads of the own process are stopped through its interpreter",
            )
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, DELAYED_SIGNALS)
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
                # The error refers to this frame, and so to everything that was read until now.
                del failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the target; raise :class:`Unsettled` if the limit had ended the pause before."""
        self._end()
        if self._overrun and (error is None or isinstance(error, Exception)):
            raise Unsettled(
                f"process {self.pid} could not be read within the pause limit of {self.limit:g} s",
                tries=1,
                hint="allow a longer pause, or read without stopping",
            ) from error

    def _end(self) -> None:
        """Release the target, wait until that is done, and unblock the signals."""
        try:
            os.eventfd_write(self._finish, 1)
            if self._await_end():
                os.close(self._ready)
                os.close(self._finish)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _hold(self, tracees: Tracees) -> None:
        """Stop the target, wait for the reader or the limit, release it: the separate thread."""
        self._task = _thread.get_native_id()
        until = time.monotonic() + self.limit
        try:
            tracees.stop(until)
            self.threads = len(tracees)
            if self._wants_registers:
                # Only the thread that traces may ask for them.
                self.registers = tracees.read_registers()
            os.eventfd_write(self._ready, 1)
            self._overrun = not _is_set(self._finish, until)
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            self._failure = failure
        finally:
            tracees.deliver_signals()
            if tracees.begin_ns:
                self.ns = time.perf_counter_ns() - tracees.begin_ns
            os.eventfd_write(self._ready, 1)

    def _await_end(self) -> bool:
        """Wait until the kernel has ended the separate thread, and so released the target.

        False if that did not happen in time, or if the thread has not begun.
        """
        until = time.monotonic() + EXIT_PATIENCE
        while not self._task or os.access(f"/proc/self/task/{self._task}", os.F_OK):
            if time.monotonic() > until:
                return False
            time.sleep(EXIT_POLL)
        return True


def _is_set(event: int, until: float) -> bool:
    """Wait for an eventfd until a time of ``time.monotonic``; True if the event came."""
    poll = select.poll()
    poll.register(event, select.POLLIN)
    return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
