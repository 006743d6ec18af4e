"""Stops the threads of another process with ptrace(2), one by one.

Threads may start and end meanwhile.  Each thread continues exactly as it was: a signal on its
way is delivered, and a thread that a signal had stopped before stays stopped.

The kernel ties tracees to the OS thread that seized them.  All methods of one object, except
``let_exec_pass``, must be called from one thread.  When that thread ends, for whatever reason,
the kernel releases the tracees (``exit_ptrace`` in kernel/ptrace.c).
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
    PTRACE_GETREGSET,
    PTRACE_GETSIGINFO,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    REGISTER_SETS,
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
"""Seconds between checks of threads that still run, doubled from the first to the last."""

REFUSALS: Final = 100
"""Refusals in a row of one thread that are final: about a tenth of a second."""

REGISTERS_ROOM: Final = 1 << 14
"""Bytes for one set of registers; the largest (with AMX) takes 11 KiB."""

RUNNING: Final = -1
"""Stands for the signal to deliver while a thread is not stopped yet."""


class Tracees:
    """The threads of process ``pid`` that have been seized."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.begin_ns = 0
        """``perf_counter_ns`` of the first interruption; 0 before it."""
        self._signals: dict[int, int] = {}
        self._taken: set[int] = set()
        self._refusals: Counter[int] = Counter()
        self._siginfo = array("i", bytes(SIGINFO_SIZE))

    def __len__(self) -> int:
        """Return how many threads are seized."""
        return len(self._signals)

    def stop(self, until: float) -> None:
        """Stop every thread; ``until`` is the ``time.monotonic`` to give up at.

        Raises :class:`Unsettled` if a thread did not stop in time, :class:`NoSuchTarget`,
        :class:`TargetChanged`, or :class:`AccessDenied`.  Threads stay seized after an error.
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

    def read_registers(self) -> bytes | None:
        """Return the registers of all stopped threads; None where some could not be read."""
        sets = REGISTER_SETS.get(os.uname().machine)
        if sets is None:
            return None
        room = array("Q", bytes(REGISTERS_ROOM))
        pieces: list[bytes] = []
        for task in self._signals:
            for number in sets:
                vector = array("Q", (room.buffer_info()[0], REGISTERS_ROOM))
                if ptrace(PTRACE_GETREGSET, task, number, vector.buffer_info()[0]) != 0:
                    return None
                pieces.append(room.tobytes()[: vector[1]])
        return b"".join(pieces)

    def deliver_signals(self) -> None:
        """Detach the threads that have a signal on its way, and deliver it.

        All other threads continue when the calling thread ends.  The kernel then releases
        them together.  Detaching one by one would keep the last ones stopped longer, because
        the first ones compete for the processor again.
        """
        for task, signal in self._signals.items():
            if signal > 0:
                ptrace(PTRACE_DETACH, task, None, signal)

    def let_exec_pass(self) -> None:
        """Collect threads that have ended while the tracing thread may hang in the kernel.

        A deadlock otherwise: a thread in exec holds the lock that ``PTRACE_SEIZE`` waits for,
        and waits itself until the tracer has collected the threads that the exec ended
        (``de_thread`` in fs/exec.c).  Any thread of the tracer's process may collect them.
        """
        ends = os.WEXITED | os.WNOHANG | WALL
        for task in list(self._signals):  # a copy: the tracing thread may change it
            if task != self.pid:
                with suppress(ChildProcessError):
                    if os.waitid(os.P_PID, task, ends | os.WNOWAIT):
                        self._taken.add(task)
                        os.waitid(os.P_PID, task, ends)

    def _complete(self) -> bool:
        """Seize new threads; True if all threads of the process have stopped.

        The kernel's list of threads proves nothing: it is walked without a lock, and ends
        early at a thread that is just ending.  The kernel's count of threads does: once as
        many threads are stopped, none is left that could start another.  Each thread is asked
        again after the count, because a thread that calls exec takes the id of the main
        thread and ends all others.
        """
        seized = []
        for task in self._ask(proc.list_tasks):
            if task not in self._signals and self._seize(task):
                seized.append(task)
        if seized and not self.begin_ns:
            self.begin_ns = time.perf_counter_ns()
        for task in seized:
            ptrace(PTRACE_INTERRUPT, task, None, None)
        main = self._ask(proc.read_stat)
        # A main thread that has ended cannot be seized, but is counted as long as others run.
        ended = main.state in DEAD and self.pid not in self._signals
        if RUNNING in self._signals.values() or len(self._signals) + ended != main.threads:
            return False
        self._signals = {task: self._stop_signal(task) for task in self._signals}
        return RUNNING not in self._signals.values()

    def _ask(self, look: Callable[[int], T]) -> T:
        """Return what ``look`` reads of the process; raise the error that its ``OSError`` means."""
        try:
            return look(self.pid)
        except OSError as failure:
            raise make_process_error(failure.errno, self.pid, "stop") from None

    def _seize(self, task: int) -> bool:
        """Become the tracer of one thread; False if it has ended, or cannot be seized yet.

        ``PTRACE_SEIZE`` waits while the process is in the middle of an exec, and then refuses
        the thread that was replaced, with the error of a thread that may not be traced at all
        (``ptrace_attach`` in kernel/ptrace.c).  Only many refusals tell the two apart.  They
        are counted and not timed, because on a busy machine a single one can take long.
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
        """Note which threads have stopped or ended; True if any has.

        Stopped threads are checked too: a kill ends them, and an exec in another thread ends
        them and waits until we collect them.
        """
        before = list(self._signals.items())
        for task, signal in before:
            if signal == RUNNING:
                self._signals[task] = self._stop_signal(task)
            if self._has_ended(task):
                del self._signals[task]
        return before != list(self._signals.items())

    def _stop_signal(self, task: int) -> int:
        """Return the signal to deliver to a thread, 0 for none; RUNNING unless it is stopped.

        ``waitid`` does not serve for it: the kernel reports a stop only once, and the report
        of a child of ours goes to any thread that waits for the child.
        """
        if ptrace(PTRACE_GETSIGINFO, task, None, self._siginfo.buffer_info()[0]) != 0:
            return RUNNING
        number, _, code = self._siginfo[:3]
        return 0 if code >> 8 == PTRACE_EVENT_STOP else number

    def _has_ended(self, task: int) -> bool:
        """Collect the kernel's report on a thread; True if the thread has ended.

        Reports of stops are collected so that no other code of this program gets them.  The
        end of the main thread is not: if the process is a child of ours, the code that
        started it waits for its exit status.
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
        """Raise if a thread that does not stop is traced no more: an exec replaced it."""
        for task, signal in self._signals.items():
            if signal == RUNNING and read_tracer(self.pid, task) == 0:
                raise make_vanished_error(self.pid)

    def _unsettled(self) -> Unsettled:
        """Return the error for threads that did not stop, with the reason if the kernel tells."""
        running = asleep = 0
        for task, signal in self._signals.items():
            if signal == RUNNING:
                running += 1
                asleep += read_state(self.pid, task) == "D"
        reason = f", {asleep} of them in an uninterruptible system call" if asleep else ""
        return Unsettled(
            f"{running} of {len(self._signals)} threads of process {self.pid} "
            f"did not stop in time{reason}",
            tries=1,
            hint="try again, allow a longer pause, or read without stopping",
        )
