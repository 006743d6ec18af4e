"""The threads of another process, stopped one by one by ptrace(2).

Knows: how to stop threads that come and go until none runs, and how each goes on
exactly as it was: with the signal that was on its way, or still stopped if a
signal had stopped it before.

The kernel ties tracees to the OS thread that seized them: all methods of one
object are called from one thread, and when that ends, whether it was done or
not, the kernel releases them (``exit_ptrace`` in kernel/ptrace.c).
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from typing import TYPE_CHECKING, Any, Final

from inspector.errors import AccessDenied, NoSuchTarget, TargetChanged, Unsettled
from inspector.process import proc
from inspector.process.failure import process_error

if TYPE_CHECKING:
    from inspector.errors import TargetError

__all__ = ["Tracees"]

PTRACE_DETACH: Final = 17
PTRACE_SEIZE: Final = 0x4206
PTRACE_INTERRUPT: Final = 0x4207
PTRACE_EVENT_STOP: Final = 128
"""include/uapi/linux/ptrace.h"""

WALL: Final = 0x40000000
"""``__WALL`` of include/uapi/linux/wait.h: threads as well as processes."""

POLL_FIRST, POLL_LAST = 20e-6, 1e-3
"""Seconds between looks at threads that still run: twice as long each time."""

DEAD: Final = frozenset("ZXx")

RUNNING: Final = -1
"""In place of the signal to hand back: this thread is not stopped yet."""


def _bind() -> Any:  # noqa: ANN401 - ctypes has no public type for it
    """Return ``ptrace`` with its types fixed once."""
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_long
    return function


_ptrace: Final = _bind()


class Tracees:
    """The threads of process ``pid`` as far as they are seized."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.begin_ns = 0
        """``perf_counter_ns`` of the first interruption; 0 before it."""
        self._signals: dict[int, int] = {}

    def __len__(self) -> int:
        """Return how many threads are held."""
        return len(self._signals)

    def stop(self, until: float) -> None:
        """Stop every thread; ``until`` is the ``time.monotonic`` to give up at.

        Raises :class:`Unsettled` when some thread did not stop in time,
        :class:`NoSuchTarget`, :class:`TargetChanged`, or :class:`AccessDenied`.
        Threads are held after an error too.
        """
        delay = POLL_FIRST
        while not self._complete():
            if time.monotonic() > until:
                raise self._unsettled()
            if self._poll():
                delay = POLL_FIRST
            else:
                time.sleep(delay)
                delay = min(2 * delay, POLL_LAST)
        if not self._signals:
            raise NoSuchTarget(f"process {self.pid} has ended", pid=self.pid)

    def hand_back(self) -> None:
        """Let the threads go on that a signal was on its way to, with their signals.

        All others go on when the calling thread ends: the kernel then releases
        them together, while detaching them one by one would leave the last ones
        waiting behind the first, which run again and want the processor.
        """
        for task, signal in self._signals.items():
            if signal > 0:
                _ptrace(PTRACE_DETACH, task, None, signal)

    def _complete(self) -> bool:
        """Seize threads that are new; True if there are none and all the others are stopped.

        Only a look at the list after all known threads were stopped proves that
        none is missing, and only if the list is as long as the kernel's count:
        it is not made at one instant, and an ending thread can hide another.
        """
        try:
            listed = proc.task_ids(self.pid)
            count = proc.read_stat(self.pid).threads
        except OSError as failure:
            raise process_error(failure.errno, self.pid, "stop") from None
        fresh = [task for task in listed if task not in self._signals and self._seize(task)]
        if fresh and not self.begin_ns:
            self.begin_ns = time.perf_counter_ns()
        for task in fresh:
            _ptrace(PTRACE_INTERRUPT, task, None, None)
        return not fresh and len(listed) == count and RUNNING not in self._signals.values()

    def _seize(self, task: int) -> bool:
        """Become the tracer of one thread; False if it has ended."""
        if _ptrace(PTRACE_SEIZE, task, None, None) == 0:
            self._signals[task] = RUNNING
            return True
        code = ctypes.get_errno()
        try:
            if code == errno.ESRCH or proc.read_stat(self.pid, task).state in DEAD:
                return False
            tracer = int(proc.status(self.pid, task)["TracerPid"])
        except (FileNotFoundError, ProcessLookupError):
            return False
        except OSError as failure:
            raise process_error(failure.errno, self.pid, "stop") from None
        if tracer:
            raise AccessDenied(
                f"process {self.pid} is traced already, by process {tracer}{_named(tracer)}",
                pid=self.pid,
                hint="only one process can stop another at a time; end that one, or read "
                "without stopping",
            )
        raise process_error(code, self.pid, "stop")

    def _poll(self) -> bool:
        """Note which threads stopped or ended; True if any did.

        Stopped threads are looked at too: a kill ends them, and an exec in another
        thread waits for us to notice that it ended them.
        """
        news = False
        for task in list(self._signals):
            try:
                report = self._report(task)
            except ChildProcessError:
                raise self._vanished() from None
            if report is None:
                continue
            news = True
            if report.si_code not in (os.CLD_TRAPPED, os.CLD_STOPPED):
                del self._signals[task]
            elif report.si_status >> 8 == PTRACE_EVENT_STOP:
                self._signals[task] = 0
            else:
                self._signals[task] = report.si_status
        return news

    def _report(self, task: int) -> os.waitid_result | None:
        """Return what the kernel reports of a thread, None if nothing.

        The end of a main thread is left to be collected by the process's parent:
        when that is us, whoever started the process waits for its exit status.
        """
        stops = os.WSTOPPED | os.WNOHANG | WALL
        if task != self.pid:
            return os.waitid(os.P_PID, task, stops | os.WEXITED)
        return os.waitid(os.P_PID, task, stops) or os.waitid(
            os.P_PID, task, os.WEXITED | os.WNOWAIT | os.WNOHANG | WALL
        )

    def _vanished(self) -> TargetError:
        """Say why a thread is gone without a report: another one called exec, or all ended."""
        if _state(self.pid, self.pid) in ("", *DEAD):
            return NoSuchTarget(f"process {self.pid} has ended", pid=self.pid)
        return TargetChanged(
            f"process {self.pid} ran another program (exec) while it was being stopped",
            pid=self.pid,
            hint="attach to it anew if you mean that",
        )

    def _unsettled(self) -> Unsettled:
        """Say how many threads kept running, and why as far as the kernel tells."""
        running = [task for task, signal in self._signals.items() if signal == RUNNING]
        asleep = sum(_state(self.pid, task) == "D" for task in running)
        reason = f", {asleep} of them in an uninterruptible system call" if asleep else ""
        return Unsettled(
            f"{len(running)} of {len(self._signals)} threads of process {self.pid} "
            f"did not stop in time{reason}",
            tries=1,
            hint="try again, allow a longer pause, or read without stopping",
        )


def _state(pid: int, task: int) -> str:
    """Return the letter of a thread's state, empty if it is gone."""
    try:
        return proc.read_stat(pid, task).state
    except OSError:
        return ""


def _named(pid: int) -> str:
    """Return a process's name in parentheses, empty if it is gone."""
    try:
        return f" ({proc.read_stat(pid).name})"
    except OSError:
        return ""
