"""Another process, as a target: its identity, its runtime, its memory and its pauses."""

from __future__ import annotations

import time
from copy import copy
from typing import TYPE_CHECKING, Final

from inspector.errors import InspectorError
from inspector.process import identity, proc
from inspector.process.hook import NO_HOOK, Hook
from inspector.process.memory import ProcessMemory
from inspector.process.os_errors import make_process_error
from inspector.process.runtime import find_runtime

if TYPE_CHECKING:
    from inspector.process.stopped_world import StoppedWorld

__all__ = ["OtherProcess"]

NAMES_LIFETIME: Final = 1.0
"""Seconds for which the names of the same threads are not read again."""


class OtherProcess:
    """A process that does not run this code, read from outside."""

    def __init__(self, pid: int, hook: Hook = NO_HOOK) -> None:
        """Raise :class:`TargetError` for a process that cannot be read."""
        self.pid = pid
        self.hook = hook
        with hook.phase("identity"):
            self.identity = identity.identify_process(pid)
        self.memory = ProcessMemory(pid, hook)
        with hook.phase("runtime"):
            self.runtime = self._find_runtime()
            """Address of ``_PyRuntime``."""
        self._named: list[int] = []
        self._asked = 0.0
        self._names: dict[int, str] = {}

    def _find_runtime(self) -> int:
        """Find the runtime; raise :class:`TargetChanged` if the process was replaced meanwhile."""
        try:
            return find_runtime(self.pid, self.memory)
        except InspectorError:
            self.check()
            raise

    def check(self) -> None:
        """Raise :class:`NoSuchTarget` or :class:`TargetChanged` if it ended or was replaced."""
        with self.hook.phase("identity"):
            identity.check_identity(self.identity)

    def apart(self) -> OtherProcess:
        """Return the same process with a separate buffer, for another thread."""
        other = copy(self)
        other.memory = ProcessMemory(self.pid)
        return other

    def close(self) -> None:
        """Close the files that readings opened."""
        self.memory.close()

    def thread_names(self) -> dict[int, str]:
        """Return the kernel's thread names by native id, as the target sees the id.

        They are read once a second, because that takes three system calls per thread.
        """
        now = time.monotonic()
        try:
            tasks = proc.list_tasks(self.pid)
        except OSError as failure:
            raise make_process_error(failure.errno, self.pid) from None
        if tasks != self._named or now > self._asked + NAMES_LIFETIME:
            self._named, self._asked = tasks, now
            self._names = identity.read_thread_names(self.pid)
        return self._names

    def command(self) -> str:
        """Return the command line, with unprintable characters replaced."""
        try:
            return proc.read_command(self.pid)
        except OSError as failure:
            raise make_process_error(failure.errno, self.pid) from None

    def stopped(self, limit: float) -> StoppedWorld:
        """Return a memory that stops the process for each reading, at most ``limit`` seconds."""
        from inspector.process.stopped_world import StoppedWorld

        return StoppedWorld(self.memory, limit)
