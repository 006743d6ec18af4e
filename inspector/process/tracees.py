"""The threads of another process, stopped one by one by ptrace(2).

Knows: how to stop threads that come and go until none runs, and how each goes on
exactly as it was: with the signal that was on its way, or still stopped if a
signal had stopped it before.

The kernel ties tracees to the OS thread that seized them: all methods of one
object but ``let_exec_pass`` are called from one thread, and when that ends, whether
it was done or not, the kernel releases them (``exit_ptrace`` in kernel/ptrace.c).
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
import time
from array import array
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from inspector.errors import AccessDenied, NoSuchTarget, Unsettled
from inspector.process import proc
from inspector.process.os_errors import make_process_error
from inspector.process.ptrace import (
    PTRACE_DETACH,
    PTRACE_EVENT_STOP,
    PTRACE_GETSIGINFO,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    SIGINFO_SIZE,
    STOPS,
    WALL,
    ptrace,
)
from inspector.process.tasks import (
    DEAD,
    describe_process_of,
    make_vanished_error,
    read_state,
    read_tracer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Tracees"]

T = TypeVar("T")

POLL_FIRST, POLL_LAST = 20e-6, 1e-3
"""Seconds between looks at threads that still run: twice as long each time."""

REFUSALS: Final = 100
"""In a row, after which the refusal of a thread is final: about a tenth of a second."""

RUNNING: Final = -1
"""In place of the signal to hand back: this thread is not stopped yet."""


class Tracees:
    """The threads of process ``pid`` as far as they are seized."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.begin_ns = 0
        """``perf_counter_ns`` of the first interruption; 0 before it."""
        self._signals: dict[int, int] = {}
        self._taken: set[int] = set()
        self._refusals: Counter[int] = Counter()
        self._siginfo = array("i", bytes(SIGINFO_SIZE))

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
                continue
            if delay >= POLL_LAST:
                self._refuse_replaced()
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
                ptrace(PTRACE_DETACH, task, None, signal)

    def let_exec_pass(self) -> None:
        """Take the ends of threads while the tracing thread may be stuck in the kernel.

        A thread in exec holds the lock that ``PTRACE_SEIZE`` waits for, and waits itself
        until the tracer has taken note that the threads it ended are gone (``de_thread``
        in fs/exec.c), for ever.  Any thread of the tracer's process may take note.
        """
        ends = os.WEXITED | os.WNOHANG | WALL
        for task in list(self._signals):  # in one step, whatever that thread does
            if task != self.pid:
                with suppress(ChildProcessError):
                    if os.waitid(os.P_PID, task, ends | os.WNOWAIT):
                        self._taken.add(task)
                        os.waitid(os.P_PID, task, ends)

    def _complete(self) -> bool:
        """Seize threads that are new; True if all threads there are have stopped.

        The kernel's list is no proof: it is walked without a lock, and ends early
        at a thread that is just ending.  Its count is: once as many threads stand
        still as there are, none is left that could start another.  Each is asked
        after the count, because a thread that calls exec takes the id of the main
        thread and ends all the others.
        """
        listed = self._ask(proc.list_tasks)
        seized = [task for task in listed if task not in self._signals and self._seize(task)]
        if seized and not self.begin_ns:
            self.begin_ns = time.perf_counter_ns()
        for task in seized:
            ptrace(PTRACE_INTERRUPT, task, None, None)
        main = self._ask(proc.read_stat)
        # A main thread that has ended cannot be seized, and is counted to the last.
        ended = main.state in DEAD and self.pid not in self._signals
        if RUNNING in self._signals.values() or len(self._signals) + ended != main.threads:
            return False
        self._signals = {task: self._stop_signal(task) for task in self._signals}
        return RUNNING not in self._signals.values()

    def _ask(self, look: Callable[[int], T]) -> T:
        """Return what ``/proc`` says of the process, or raise what its refusal means."""
        try:
            return look(self.pid)
        except OSError as failure:
            raise make_process_error(failure.errno, self.pid, "stop") from None

    def _seize(self, task: int) -> bool:
        """Become the tracer of one thread; False if it has ended, or cannot be seized yet.

        The kernel looks a thread up, waits while its process is in the middle of an exec,
        and refuses the thread that was replaced like one that may not be traced at all
        (``ptrace_attach`` in kernel/ptrace.c).  Who keeps calling exec is met like that
        many times; time says nothing, for where processors are scarce one time is long.
        """
        if ptrace(PTRACE_SEIZE, task, None, None) == 0:
            self._signals[task] = RUNNING
            del self._refusals[task]
            return True
        code = ctypes.get_errno()
        if code == errno.ESRCH or read_state(self.pid, task) in DEAD:
            return False
        self._refuse_traced(task)
        self._refusals[task] += 1
        if self._refusals[task] > REFUSALS:
            raise make_process_error(code, self.pid, "stop")
        return False

    def _refuse_traced(self, task: int) -> None:
        """Raise if a thread is traced by somebody else."""
        tracer = read_tracer(self.pid, task)
        if tracer == threading.get_native_id():
            raise make_vanished_error(self.pid)
        if tracer:
            raise AccessDenied(
                f"process {self.pid} is traced already, by {describe_process_of(tracer)}",
                pid=self.pid,
                hint="only one process can stop another at a time; end that one, or read "
                "without stopping",
            )

    def _poll(self) -> bool:
        """Note which threads stopped or ended; True if any did.

        Stopped threads are looked at too: a kill ends them, and an exec in another
        thread waits for us to notice that it ended them.
        """
        before = list(self._signals.items())
        for task, signal in before:
            if signal == RUNNING:
                self._signals[task] = self._stop_signal(task)
            if self._has_ended(task):
                del self._signals[task]
        return before != list(self._signals.items())

    def _stop_signal(self, task: int) -> int:
        """Return the signal to hand back to a thread, 0 for none; RUNNING unless it is stopped.

        Asked of the thread itself: the kernel reports a stop only once, and for a
        child of the own process to any thread that happens to wait for the child.
        """
        if ptrace(PTRACE_GETSIGINFO, task, None, self._siginfo.buffer_info()[0]) != 0:
            return RUNNING
        number, _, code = self._siginfo[:3]
        return 0 if code >> 8 == PTRACE_EVENT_STOP else number

    def _has_ended(self, task: int) -> bool:
        """Take what the kernel reports of a thread, and tell whether it has ended.

        Stops are taken so that nobody else gets them.  The end of a main thread is
        left to be collected by the process's parent: when that is us, whoever
        started the process waits for its exit status.
        """
        ends = os.WEXITED if task != self.pid else os.WEXITED | os.WNOWAIT
        try:
            report = os.waitid(os.P_PID, task, ends | os.WNOHANG | WALL)
        except ChildProcessError:
            if task in self._taken:
                return True
            raise make_vanished_error(self.pid) from None
        if report is None or report.si_code not in STOPS:
            return report is not None
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, task, os.WSTOPPED | os.WNOHANG | WALL)
        return False

    def _refuse_replaced(self) -> None:
        """Raise if a thread that does not stop is no longer the one that was seized."""
        for task, signal in self._signals.items():
            if signal == RUNNING and read_tracer(self.pid, task) == 0:
                raise make_vanished_error(self.pid)

    def _unsettled(self) -> Unsettled:
        """Say how many threads kept running, and why as far as the kernel tells."""
        running = [task for task, signal in self._signals.items() if signal == RUNNING]
        asleep = sum(read_state(self.pid, task) == "D" for task in running)
        reason = f", {asleep} of them in an uninterruptible system call" if asleep else ""
        return Unsettled(
            f"{len(running)} of {len(self._signals)} threads of process {self.pid} "
            f"did not stop in time{reason}",
            tries=1,
            hint="try again, allow a longer pause, or read without stopping",
        )
