"""Where the time of an attachment and of a reading goes.

The functions that do the work are replaced by clocked ones for the time of a
measurement, so that what is measured is what users run, and that costs nothing
when nobody measures.  A phase's time does not include that of a phase inside it.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from inspector.census.target import Target
from inspector.process.other import OtherProcess
from inspector.process.own import OwnProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PHASES", "Phase", "Timing", "measure"]

PHASES: Final = {
    "identity": ("inspector.process.identity:identify", "inspector.process.identity:check"),
    "runtime": ("inspector.process.other:find_runtime", "inspector.process.own:own_runtime"),
    "published": ("inspector.census.discovery:read_published",),
    "discovery": ("inspector.census.discovery:discover",),
    "plan": ("inspector.census.observe:plan",),
    "read": (
        "inspector.census.observe:settle",
        "inspector.process.world:OwnWorld.ready",
        "inspector.process.world:OwnWorld.read_all",
        "inspector.census.observe:understand",
    ),
    "stacks": ("inspector.census.observe:plan_stacks", "inspector.census.observe:count_stacks"),
    "names": ("inspector.cpython.names:Names.of",),
    "threads": (
        "inspector.process.other:OtherProcess.thread_names",
        "inspector.process.own:OwnProcess.thread_names",
    ),
    "rows": ("inspector.census.rows:Rows.of",),
}
"""By phase the functions whose time it is, each as ``module:name`` where it is looked up."""

WHOLE: Final = "discovery"
REST: Final = "the rest"

CALL: Final = "inspector.process.memory:process_vm_readv"
CALLS_IN_A_STOP: Final = "inspector.process.world:OwnWorld._run"

READINGS: Final = 7
"""Readings after the first, of which the median counts."""


@dataclass
class Phase:
    """What one phase took."""

    name: str
    ns: int = 0
    """Nanoseconds."""
    calls: int = 0
    """System calls that read memory (``process_vm_readv``)."""
    bytes: int = 0
    """Bytes that those moved."""


@dataclass(frozen=True)
class Timing:
    """The phases of an attachment, of its first reading, and of the ones after that."""

    attach: tuple[Phase, ...]
    first: tuple[Phase, ...]
    next: tuple[Phase, ...]
    """Of the reading whose time is the median."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


class _Clock:
    """The phases of one measurement, and which of them is under way."""

    def __init__(self) -> None:
        self._phases = {name: Phase(name) for name in (*PHASES, REST)}
        self._stack = [REST]
        self._since = time.perf_counter_ns()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Book the time of the context to a phase; the one it is inside of waits.

        Whatever discovery does is discovery.
        """
        if self._stack[-1] == WHOLE:
            yield
            return
        self._book()
        self._stack.append(name)
        try:
            yield
        finally:
            self._book()
            self._stack.pop()

    def note(self, calls: int, moved: int) -> None:
        """Note system calls that read memory, and how many bytes."""
        phase = self._phases[self._stack[-1]]
        phase.calls += calls
        phase.bytes += moved

    def lap(self) -> list[Phase]:
        """Return the phases that there were since the last lap, and begin a new one."""
        self._book()
        done = [each for each in self._phases.values() if each.ns or each.calls]
        self._phases = {name: Phase(name) for name in self._phases}
        return done

    def _book(self) -> None:
        now = time.perf_counter_ns()
        self._phases[self._stack[-1]].ns += now - self._since
        self._since = now


def measure(pid: int | None, pause_limit: float) -> Timing:
    """Attach to a process, by default the own one, and read it several times.

    Raises what attaching and reading raise.
    """
    with _clocked() as clock:
        own = pid is None or pid == os.getpid()
        target = Target(OwnProcess() if own else OtherProcess(pid or 0), pause_limit)
        attach = clock.lap()
        laps = []
        for _ in range(1 + READINGS):
            target.snapshot()
            laps.append(clock.lap())
    first, *others = laps
    others.sort(key=lambda phases: sum(each.ns for each in phases))
    return Timing(tuple(attach), tuple(first), tuple(others[READINGS // 2]))


@contextmanager
def _clocked() -> Iterator[_Clock]:
    """Put the clock on all functions of all phases, and on the system calls in them."""
    clock = _Clock()

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any function's
            with clock.phase(name):
                return function(*arguments, **named)

        return run

    def counted_call(function: Callable[..., int]) -> Callable[..., int]:
        def run(*arguments: int) -> int:
            moved = function(*arguments)
            clock.note(1, max(0, moved))
            return moved

        return run

    def counted_run(function: Callable[..., list[int]]) -> Callable[..., list[int]]:
        def run(*arguments: Any) -> list[int]:  # noqa: ANN401 - as above
            moved = function(*arguments)
            clock.note(len(moved), sum(each for each in moved if each > 0))
            return moved

        return run

    with ExitStack() as stack:
        for name, places in PHASES.items():
            for place in places:
                stack.enter_context(_replaced(place, partial(timed, name)))
        stack.enter_context(_replaced(CALL, counted_call))
        stack.enter_context(_replaced(CALLS_IN_A_STOP, counted_run))
        yield clock


@contextmanager
def _replaced(place: str, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """Wrap the function at ``module:name`` for the time of the context."""
    module, _, path = place.partition(":")
    *parents, name = path.split(".")
    owner: Any = import_module(module)
    for each in parents:
        owner = getattr(owner, each)
    function = getattr(owner, name)
    setattr(owner, name, wrap(function))
    try:
        yield
    finally:
        setattr(owner, name, function)
