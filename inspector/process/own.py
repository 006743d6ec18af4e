"""The own process, as a target."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

from inspector.errors import NotFreeThreaded, NotPython, TargetChanged, UnsupportedVersion
from inspector.process.hook import NO_HOOK, Hook
from inspector.process.memory import ProcessMemory
from inspector.process.own_world import OwnWorld
from inspector.process.proc import read_task_name
from inspector.process.runtime import find_own_runtime

__all__ = ["OwnProcess"]


class OwnProcess:
    """The process that runs this code."""

    def __init__(self, hook: Hook = NO_HOOK) -> None:
        """Raise :class:`TargetError` for an interpreter that cannot be read."""
        self.pid = os.getpid()
        self.hook = hook
        _refuse_unsupported_python(self.pid)
        self.memory = ProcessMemory(self.pid, hook)
        self.world = OwnWorld(hook)
        with hook.phase("runtime"):
            self.runtime = find_own_runtime()
            """Address of ``_PyRuntime``."""

    def check(self) -> None:
        """Raise :class:`TargetChanged` in a child that was forked after the start."""
        if os.getpid() != self.pid:
            raise TargetChanged(
                f"this is a child of process {self.pid}, which was attached to",
                pid=self.pid,
                hint="attach again in the child: inspector.attach()",
            )

    def apart(self) -> OwnProcess:
        """Return the same process with separate buffers, for another thread."""
        return OwnProcess()

    def close(self) -> None:
        """Close the files that readings opened."""
        self.memory.close()
        self.world.close()

    def thread_names(self) -> dict[int, str]:
        """Return native thread id -> name in :mod:`threading`, or the kernel's for others."""
        names: dict[int, str] = {}
        for thread in threading.enumerate():
            if thread.native_id is not None:
                names[thread.native_id] = thread.name
        with suppress(OSError):
            # scandir would change the counts of its own types.
            tasks = map(int, os.listdir(f"/proc/{self.pid}/task"))
            for task in names.keys() ^ {*names, *tasks}:
                with suppress(OSError):  # it has ended
                    names[task] = read_task_name(self.pid, task)
        return names

    def command(self) -> str:
        """Return the program as it was started, without its arguments."""
        return sys.argv[0] if sys.argv else ""


def _refuse_unsupported_python(pid: int) -> None:
    """Raise for an interpreter that is not free-threaded CPython 3.14+ on 64-bit Linux."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if sys.implementation.name != "cpython":
        raise NotPython(
            f"this is {sys.implementation.name}, not CPython",
            pid=pid,
            hint="run it with python3.14t or newer",
        )
    if "t" not in sys.abiflags:
        raise NotFreeThreaded(
            f"this Python {version} has the GIL built in",
            pid=pid,
            hint="here sys.getrefcount is the truth; run it with python3.14t or newer, "
            "or give the PID of a process that does",
        )
    if sys.platform != "linux" or sys.maxsize != 2**63 - 1:
        raise UnsupportedVersion(
            f"this is {sys.platform} with {sys.maxsize.bit_length() + 1}-bit words",
            pid=pid,
            hint="inspector reads 64-bit Linux processes",
        )
    if sys.version_info < (3, 14):
        raise UnsupportedVersion(
            f"this Python {version} has no per-thread reference counts of types",
            pid=pid,
            hint="they came with 3.14; run it with python3.14t or newer",
        )
