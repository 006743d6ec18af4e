"""From interpreters as they were read to one snapshot: names, rows, what came and went."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inspector.census.life import Life
from inspector.census.reading import interpreter_count
from inspector.census.rows import Rows
from inspector.census.snapshot import PoolLife, Snapshot, TargetInfo
from inspector.cpython.published import version_text
from inspector.cpython.walk import interpreter_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.observe import Seen
    from inspector.census.snapshot import InterpreterCount
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.own import OwnProcess

__all__ = ["Assembly"]


class Assembly:
    """The snapshots of one process; what did not change is taken over from the one before."""

    def __init__(self, process: OwnProcess | OtherProcess, layout: Layout) -> None:
        self._process = process
        self._layout = layout
        self._rows: dict[int, Rows] = {}
        self._lives: dict[int, Life] = {}

    def snapshot(self, seen: list[Seen], taken_ns: int, pause_ns: int | None) -> Snapshot:
        """Name the objects and threads of one reading, and freeze it all.

        Raises what reading raises, and :class:`NoSuchTarget` for a process that ended.
        """
        memory, published = self._process.memory, self._layout.published
        names = self._process.thread_names()
        counts = []
        lines: list[tuple[Any, ...]] = []
        for each in seen:
            identifier = interpreter_id(memory, published, each.interpreter)
            counts.append(self._count(each, identifier, names))
            made = self._rows.get(each.interpreter)
            if made is None:
                made = self._rows[each.interpreter] = Rows(memory, self._layout)
            lines += made.of(each, identifier)
        return Snapshot(
            target=TargetInfo(
                self._process.pid,
                version_text(published.version),
                seen[0].reading.gil_enabled,
                self._process.command(),
            ),
            exact=all(each.exact for each in seen),
            pause_ns=pause_ns,
            interpreters=tuple(counts),
            taken_ns=taken_ns,
            tries=max(each.tries for each in seen),
            rows=tuple(lines),
        )

    def _count(self, seen: Seen, identifier: int, names: Mapping[int, str]) -> InterpreterCount:
        """Return what is to be said of an interpreter beside its objects."""
        life = PoolLife()
        if not seen.reading.plan.scope.only:
            life = self._lives.setdefault(seen.interpreter, Life()).update(seen.reading)
        counted = interpreter_count(seen.reading, identifier, names, life)
        return replace(counted, exact=seen.exact, merging=seen.merging)
