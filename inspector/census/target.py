"""A process that is read: attached once, read as often as one likes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from inspector.census.observe import TRIES, Seen, observe_running, observe_still
from inspector.census.reading import Plan, Scope, pool_count, thread_counts
from inspector.census.rows import rows
from inspector.census.snapshot import KINDS, InterpreterCount, ObjectCount, Snapshot, TargetInfo
from inspector.cpython.discover import discover
from inspector.cpython.names import Names
from inspector.cpython.published import read_published, version_text
from inspector.cpython.walk import interpreters, read_pointer
from inspector.errors import LayoutError, MemoryFault, NotAType, NotCounted, NoSuchObject
from inspector.process.own import OwnProcess

if TYPE_CHECKING:
    from collections.abc import Collection

    from inspector.cpython.layout import Layout
    from inspector.process.memory import Memory

__all__ = ["Target"]

RETRIES: Final = 4
"""Passes, after the first two, for what did not agree in them."""


class Target:
    """A free-threaded CPython process, attached.

    Attaching finds and validates the layout of CPython's structures; that holds
    for the life of the process.  Nothing is started, changed or kept in the target.
    """

    def __init__(self, process: OwnProcess) -> None:
        self._process = process
        self._lock = threading.Lock()
        runtime = process.runtime
        published = read_published(process.memory, runtime, process.pid)
        self.layout: Layout = _discover(process.world, published, runtime)
        """The offsets, each with what speaks for it."""
        self._names: dict[int, Names] = {}
        self._plans: dict[int, Plan] = {}

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def snapshot(
        self, *, kinds: Collection[str] = ("type",), retries: int = RETRIES
    ) -> Snapshot:
        """Read all objects of some kinds (of :data:`KINDS`) in every interpreter.

        The calling thread's own interpreter is read while all of its threads are
        stopped, and exact; any other runs on and is read until two passes agree.
        Raises :class:`~inspector.errors.Unsettled` when the target moves too fast.
        """
        unknown = set(kinds).difference(KINDS)
        if unknown:
            raise ValueError(f"unknown kinds {sorted(unknown)}; known are {', '.join(KINDS)}")
        with self._lock:
            return self._snapshot(Scope(tuple(kinds)), retries)

    def refcount(self, subject: object) -> ObjectCount:
        """Read one type of the own process.

        Raises :class:`NotAType`, and :class:`NotCounted` for a static or immortal type.
        """
        if not isinstance(subject, type):
            raise NotAType(
                f"{type(subject).__name__} object is not a type",
                subject=subject,
                hint="true counts exist for types; sys.getrefcount is right for other objects",
            )
        with self._lock:
            snapshot = self._snapshot(Scope(("type",), frozenset((id(subject),))), RETRIES)
        count = snapshot[id(subject)]
        if count.state == "immortal":
            raise NotCounted(
                f"{subject.__module__}.{subject.__qualname__} is static or immortal: "
                "CPython does not count its references",
                subject=subject,
                hint="only heap types, made by class statements or PyType_FromSpec, are counted",
            )
        return count

    def _snapshot(self, scope: Scope, retries: int) -> Snapshot:
        """Read every interpreter; the lock is held."""
        process = self._process
        process.check()
        taken = time.time_ns()
        seen = []
        pause: int | None = None
        for address in interpreters(process.memory, self.layout.published, self.layout.runtime):
            if address == process.world.interpreter:
                each = observe_still(
                    process.memory,
                    process.world,
                    self.layout,
                    address,
                    scope,
                    last=self._plans.get(address),
                    own=True,
                )
                pause = process.world.pause_ns
                seen.insert(0, each)
            elif not scope.only:
                each = observe_running(
                    process.memory,
                    self.layout,
                    address,
                    scope,
                    last=self._plans.get(address),
                    retries=retries,
                )
                seen.append(each)
        if not scope.only:
            self._plans = {each.interpreter: each.planned for each in seen}
        return self._assemble(seen, taken, pause)

    def _assemble(self, seen: list[Seen], taken: int, pause: int | None) -> Snapshot:
        """Name the objects and threads, and freeze it all."""
        threads = self._process.thread_names()
        counts = []
        lines: list[tuple[Any, ...]] = []
        for each in seen:
            identifier = self._identifier(each.interpreter)
            reading = each.reading
            counts.append(
                InterpreterCount(
                    identifier,
                    each.exact,
                    pool_count(reading.plan.pool, reading.table),
                    reading.collector.collections,
                    thread_counts(reading.threads, threads, identifier),
                )
            )
            named = [
                (kind, address, words)
                for (_, address, kind), words in zip(
                    reading.plan.members, reading.structures, strict=True
                )
            ]
            cache = self._names.setdefault(
                each.interpreter, Names(self._process.memory, self.layout)
            )
            lines += rows(self.layout, reading, identifier, cache.of(named, each.planned.epoch), each.bounds, each.stacks)
        return Snapshot(
            target=TargetInfo(
                self.pid,
                version_text(self.layout.published.version),
                seen[0].reading.gil_enabled,
                self._process.command(),
            ),
            exact=all(each.exact for each in seen),
            pause_ns=pause,
            interpreters=tuple(counts),
            taken_ns=taken,
            tries=max(each.tries for each in seen),
            rows=tuple(lines),
        )

    def _identifier(self, interpreter: int) -> int:
        """Return CPython's id of an interpreter."""
        at = self.layout.published["interpreter_state.id"]
        return read_pointer(self._process.memory, interpreter + at)


def _discover(memory: Memory, published: Any, runtime: int) -> Layout:
    """Find the layout; try again where the target moved meanwhile."""
    for _ in range(TRIES - 1):
        try:
            return discover(memory, published, runtime)
        except (LayoutError, MemoryFault):
            continue
    return discover(memory, published, runtime)
