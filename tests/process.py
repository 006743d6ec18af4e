"""A process made by hand, as :class:`~inspector.reader.target.Target` wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from inspector.process.hook import NO_HOOK
from inspector.reader.target import Target

if TYPE_CHECKING:
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import StillMemory
    from tests.image import Image
    from tests.runtime import Runtime

PID = 4242


class FakeProcess:
    """Another process: what :class:`~inspector.process.other.OtherProcess` says of one."""

    pid = PID

    def __init__(self, memory: Image, runtime: int) -> None:
        self.memory, self.runtime = memory, runtime
        self.hook = NO_HOOK
        self.limits: list[float] = []
        """Seconds that it was to be stopped at most, each time."""

    def check(self) -> None:
        """Say that the process is there."""

    def thread_names(self) -> dict[int, str]:
        """Return the names of some threads."""
        return {101: "main", 102: "worker"}

    def command(self) -> str:
        """Return a command line."""
        return "python app.py"

    def stopped(self, limit: float) -> StillMemory:
        """Return the memory, which is still anyway."""
        self.limits.append(limit)
        return self.memory


def attach(memory: Image, runtime: int) -> Target:
    """Attach to a process made by hand; raise what attaching raises."""
    return Target(cast("OtherProcess", FakeProcess(memory, runtime)))


def target_of(runtime: Runtime) -> Target:
    """Attach to a process that was laid out."""
    return attach(runtime.image, runtime.address)
