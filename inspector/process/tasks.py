"""One thread of another process, as far as the kernel tells anybody."""

from __future__ import annotations

from typing import Final

from inspector.process import proc

__all__ = ["DEAD", "named", "state_of", "tracer_of"]


DEAD: Final = frozenset({"Z", "X", "x", ""})
"""Letters of threads that have ended; empty for one that is gone."""


def state_of(pid: int, task: int) -> str:
    """Return the letter of a thread's state, empty if it is gone."""
    try:
        return proc.read_stat(pid, task).state
    except OSError:
        return ""


def tracer_of(pid: int, task: int) -> int | None:
    """Return who traces a thread, 0 for nobody; None if the thread is gone."""
    try:
        return int(proc.status(pid, task)["TracerPid"])
    except OSError:
        return None


def named(task: int) -> str:
    """Return the process that a thread belongs to, with its name."""
    try:
        group = int(proc.status(task)["Tgid"])
        return f"process {group} ({proc.read_stat(group).name})"
    except OSError:
        return f"process {task}"
