"""Takes snapshots of one process, and keeps what the next one can reuse."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from inspector.cpython.published import spell_version
from inspector.cpython.runtime_lists import read_gil_enabled
from inspector.errors import LayoutError, MemoryFault, NoSuchObject, Unsettled
from inspector.process.own import OwnProcess
from inspector.process.own_world import CannotStop
from inspector.reader.interpreter_state import (
    InterpreterState,
    read_interpreter_ids,
    update_states,
)
from inspector.reader.lifetime import finalizing_error
from inspector.reader.one_instant import read_still
from inspector.reader.two_pass import read_running
from inspector.snapshots.snapshot import Snapshot, TargetInfo

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import StillMemory
    from inspector.reader.plan import Request
    from inspector.reader.reading import Reading

__all__ = ["SnapshotReader"]


class SnapshotReader:
    """Takes snapshots of one process, one after the other."""

    def __init__(self, process: OwnProcess | OtherProcess, layout: Layout) -> None:
        self.process = process
        self._layout = layout
        self.states: dict[int, InterpreterState] = {}
        """Address of an interpreter -> its state."""

    def apart(self) -> SnapshotReader:
        """Return another reader of this process that shares no mutable state with this one."""
        return SnapshotReader(self.process.apart(), self._layout)

    def read(self, request: Request, stopped: StillMemory | None) -> Snapshot:
        """Read the requested interpreters; ``stopped`` stops another process meanwhile, if given.

        Raises what :meth:`inspector.reader.target.Target.snapshot` raises.
        """
        self.process.check()
        taken = time.time_ns()
        ids = read_interpreter_ids(self.process.memory, self._layout)
        self.states = update_states(self.states, ids, self.process, self._layout)
        readings = self._read_interpreters(request, stopped)
        # Another process may have taken the place of this one during the reading.
        self.process.check()
        self._refuse(readings, request.interpreter)
        if not request.only:
            latest = {reading.plan.interpreter: reading for reading in readings}
            for address, state in self.states.items():
                state.latest = latest.get(address)
        snapshot = self._assemble(readings, taken)
        if stopped is not None:
            return snapshot._replace(pause_ns=stopped.pause_ns)
        if not isinstance(self.process, OwnProcess):
            return snapshot
        world = self.process.world
        if world.refusal:
            return snapshot._replace(why_not_exact=world.refusal)
        return snapshot._replace(pause_ns=world.pause_ns)

    def _read_interpreters(self, request: Request, stopped: StillMemory | None) -> list[Reading]:
        """Read the requested interpreters, the own one first.

        Leaves out interpreters that end meanwhile.  The own one is read like any other if it
        cannot be stopped.
        """
        process, states = self.process, self.states
        world = process.world if isinstance(process, OwnProcess) else None
        own_at = world.interpreter if world is not None else 0
        readings = []
        # After the own interpreter by id: the main one first, the newest one last.
        order = sorted(states.values(), key=lambda state: (state.address != own_at, state.id))
        for state in order:
            own = state.address == own_at
            still: StillMemory | None = stopped
            if own:
                still = None if world is None or world.refusal else world
            asked = request.interpreter in (None, state.id)
            if not asked or (request.only and still is None and not own):
                continue
            state.followed.own_thread = threading.get_native_id() if own else 0
            try:
                readings.append(_read_interpreter(state, request, still, own=own))
            except (LayoutError, MemoryFault, Unsettled):
                process.check()
                ids = read_interpreter_ids(process.memory, self._layout)
                if ids.get(state.address) == state.id:
                    raise
        if len(states) == 1:
            return readings
        ids = read_interpreter_ids(process.memory, self._layout)
        alive = []
        for reading in readings:
            address = reading.plan.interpreter
            if ids.get(address) == states[address].id:
                alive.append(reading)
        return alive

    def _refuse(self, readings: list[Reading], interpreter: int | None) -> None:
        """Raise if no interpreter was read, or one is finalizing."""
        if not readings:
            raise NoSuchObject(
                f"no interpreter {interpreter} in process {self.process.pid}",
                subject=interpreter,
                hint="leave the interpreter out to see which there are",
            )
        for reading in readings:
            if reading.finalizing:
                raise finalizing_error(self.process.pid)

    def _assemble(self, readings: list[Reading], taken: int) -> Snapshot:
        """Make the snapshot of readings, with the names of objects and threads."""
        with self.process.hook.phase("threads"):
            names = self.process.thread_names()
        interpreters = []
        rows: list[tuple[Any, ...]] = []
        exact, tries = True, 0
        for reading in readings:
            exact = exact and reading.exact
            tries = max(tries, reading.tries)
            state = self.states[reading.plan.interpreter]
            interpreters.append(state.count_interpreter(reading, names))
            rows += state.make_rows(reading)
        published = self._layout.published
        gil = read_gil_enabled(self.process.memory, published, readings[0].plan.interpreter)
        version = spell_version(published.version)
        return Snapshot(
            target=TargetInfo(self.process.pid, version, gil, self.process.command()),
            exact=exact,
            pause_ns=None,
            interpreters=tuple(interpreters),
            taken_ns=taken,
            tries=tries,
            rows=tuple(rows),
        )


def _read_interpreter(
    state: InterpreterState, request: Request, still: StillMemory | None, *, own: bool
) -> Reading:
    """Read one interpreter, while ``still`` keeps its threads stopped if that is possible."""
    if still is not None:
        with suppress(CannotStop):
            return read_still(state, request, still, own=own)
    return read_running(state, request)
