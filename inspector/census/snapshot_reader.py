"""One process, read again and again: snapshots, and what earlier ones spare the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from inspector.census.ending import finalizing
from inspector.census.everyone import Wanted, observe_all
from inspector.census.known import Known, identifiers, knowing
from inspector.census.reading import interpreter_count
from inspector.census.snapshot import PoolLife, Snapshot, TargetInfo
from inspector.cpython.published import version_text
from inspector.errors import NoSuchObject
from inspector.process.own import OwnProcess

if TYPE_CHECKING:
    from inspector.census.reading import Seen
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess

__all__ = ["SnapshotReader"]


class SnapshotReader:
    """Takes snapshots of one process, one after the other."""

    def __init__(self, process: OwnProcess | OtherProcess, layout: Layout) -> None:
        self.process = process
        self._layout = layout
        self.known: dict[int, Known] = {}
        """By address of the interpreter."""

    def apart(self) -> SnapshotReader:
        """Return another reader of this process, which shares nothing that a reading changes."""
        return SnapshotReader(self.process.apart(), self._layout)

    def read(self, wanted: Wanted) -> Snapshot:
        """Read every interpreter, or one."""
        self.process.check()
        taken = time.time_ns()
        memory, layout = self.process.memory, self._layout
        self.known = knowing(self.known, identifiers(memory, layout), memory, layout)
        seen = observe_all(self.process, layout, self.known, wanted)
        # Numbers of a process that took this one's place are worth nothing.
        self.process.check()
        self._refuse(seen, wanted.interpreter)
        if not wanted.scope.only:
            latest = {each.interpreter: each for each in seen}
            for address, known in self.known.items():
                known.latest = latest.get(address)
        snapshot = self._assemble(seen, taken)
        if wanted.stopped is not None:
            return snapshot._replace(pause_ns=wanted.stopped.pause_ns)
        if not isinstance(self.process, OwnProcess):
            return snapshot
        world = self.process.world
        if world.refusal:
            return snapshot._replace(why_not_exact=world.refusal)
        return snapshot._replace(pause_ns=world.pause_ns)

    def _refuse(self, seen: list[Seen], interpreter: int | None) -> None:
        """Raise where there is nothing to report."""
        if not seen:
            raise NoSuchObject(
                f"no interpreter {interpreter} in process {self.process.pid}",
                subject=interpreter,
                hint="leave the interpreter out to see which there are",
            )
        if any(each.reading.finalizing for each in seen):
            raise finalizing(self.process.pid)

    def _assemble(self, seen: list[Seen], taken: int) -> Snapshot:
        """Name the objects and threads, and freeze it all."""
        threads = self.process.thread_names()
        counts = []
        lines: list[tuple[Any, ...]] = []
        for each in seen:
            known, reading = self.known[each.interpreter], each.reading
            life = PoolLife() if reading.plan.scope.only else known.life.update(reading)
            counted = interpreter_count(reading, known.id, threads, life)
            counts.append(counted._replace(exact=each.exact, merging=each.merging))
            lines += known.rows.of(each, known.id)
        return Snapshot(
            target=TargetInfo(
                self.process.pid,
                version_text(self._layout.published.version),
                seen[0].reading.gil_enabled,
                self.process.command(),
            ),
            exact=all(each.exact for each in seen),
            pause_ns=None,
            interpreters=tuple(counts),
            taken_ns=taken,
            tries=max(each.tries for each in seen),
            rows=tuple(lines),
        )
