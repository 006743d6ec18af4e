"""What ``/proc`` tells about one thread of another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.errors import NoSuchTarget, TargetChanged
from inspector.process import proc
from inspector.process.os_errors import make_process_error

if TYPE_CHECKING:
    from inspector.errors import InspectorError

__all__ = [
    "DEAD",
    "describe_process_of",
    "is_stopped_by_signal",
    "make_vanished_error",
    "read_state",
    "read_tracer",
]


DEAD: Final = frozenset({"Z", "X", "x", ""})
"""State letters of threads that have ended; empty for a thread that is gone."""


def read_state(pid: int, task: int) -> str:
    """Return the state letter of a thread (proc(5)), empty if it is gone."""
    try:
        return proc.read_stat(pid, task).state
    except OSError:
        return ""


def is_stopped_by_signal(pid: int) -> bool:
    """Whether a process was sent SIGSTOP, or Ctrl-Z: none of its threads runs until SIGCONT."""
    return read_state(pid, pid) == "T"


def read_tracer(pid: int, task: int) -> int | None:
    """Return the native id of a thread's tracer, 0 for none; None if the thread is gone."""
    try:
        return int(proc.read_status(pid, task)["TracerPid"])
    except OSError:
        return None


def describe_process_of(task: int) -> str:
    """Return the pid and name of the process that a thread belongs to, as text."""
    try:
        group = int(proc.read_status(task)["Tgid"])
        return f"process {group} ({proc.read_stat(group).name})"
    except OSError:
        return f"process {task}"


def make_vanished_error(pid: int) -> InspectorError:
    """Return the error for a thread that vanished: another one called exec, or all ended."""
    try:
        main = proc.read_stat(pid)
    except OSError as failure:
        return make_process_error(failure.errno, pid, "stop")
    # With other threads left, an ended main thread is about to be replaced by an exec.
    if main.state in DEAD and main.threads == 1:
        return NoSuchTarget(f"process {pid} has ended", pid=pid)
    return TargetChanged(
        f"process {pid} ran another program (exec) while it was being stopped",
        pid=pid,
        hint="attach to it anew if you mean that",
    )
