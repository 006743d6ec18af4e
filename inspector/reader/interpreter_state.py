"""State of one interpreter that is kept from one reading to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.cpython.runtime_lists import read_interpreters, read_pointer
from inspector.process.hook import NO_HOOK, Hook
from inspector.reader.planner import count_kinds
from inspector.reader.pool_churn import PoolChurn
from inspector.reader.rows import Row, Rows
from inspector.reader.stacks import FollowedThreads
from inspector.snapshots.interpreter import InterpreterCount, PoolCount, PoolLife, ThreadCount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.own import OwnProcess
    from inspector.process.protocols import Memory, RepeatableMemory
    from inspector.reader.reading import Reading

__all__ = ["InterpreterState", "read_interpreter_ids", "update_states"]


class InterpreterState:
    """One interpreter that is read repeatedly, and what its readings share."""

    def __init__(
        self,
        address: int,
        identifier: int,
        memory: RepeatableMemory,
        layout: Layout,
        hook: Hook = NO_HOOK,
    ) -> None:
        self.address = address
        """Address of its ``PyInterpreterState``."""
        self.id = identifier
        """CPython's id of it, which is never reused in the process."""
        self.memory = memory
        """For everything that need not be read at one instant."""
        self.layout = layout
        self.hook = hook
        self._rows = Rows(memory, layout, identifier, hook)
        self.followed = FollowedThreads()
        self.latest: Reading | None = None
        """The latest reading of all objects; readings of single types are not kept."""
        self._churn = PoolChurn()

    def make_rows(self, reading: Reading) -> list[Row]:
        """Return the row of each member of a reading."""
        with self.hook.phase("rows"):
            return self._rows.make_rows(reading)

    def count_interpreter(self, reading: Reading, names: Mapping[int, str]) -> InterpreterCount:
        """Return the interpreter's part of a snapshot; ``names`` are thread names by native id."""
        only = reading.plan.request.only
        threads = []
        for thread in reading.threads:
            name = names.get(thread.native_id, "")
            threads.append(
                ThreadCount(thread.native_id, name, self.id, thread.size, thread.finalized)
            )
        return InterpreterCount(
            id=self.id,
            exact=reading.exact,
            pool=_count_pool(reading),
            collections=reading.collector.collections,
            threads=tuple(threads),
            life=PoolLife() if only else self._churn.update(reading),
            threads_started=reading.threads_started,
            merging=reading.merging,
        )


def _count_pool(reading: Reading) -> PoolCount:
    """Return how many ids are in use, by kind unless only single objects were read."""
    plan, table = reading.plan, reading.table
    size, used = plan.pool.size, len(table)
    if plan.request.only:
        return PoolCount(size, used, size - used)
    same = table is plan.table
    counts = plan.kind_counts if same else count_kinds(plan.kinds, table)
    return PoolCount(size, used, size - used, counts["type"], counts["code"], counts["dict"])


def read_interpreter_ids(memory: Memory, layout: Layout) -> dict[int, int]:
    """Return address -> id of every interpreter of the process."""
    at = layout.published["interpreter_state.id"]
    chain = read_interpreters(memory, layout.published, layout.runtime)
    return {address: read_pointer(memory, address + at) for address in chain}


def update_states(
    before: Mapping[int, InterpreterState],
    ids: Mapping[int, int],
    process: OwnProcess | OtherProcess,
    layout: Layout,
) -> dict[int, InterpreterState]:
    """Return the state of each interpreter in ``ids`` (address -> id), by address.

    Keeps the states of interpreters in ``before`` that still exist.  An interpreter at the
    address of an ended one has another id, and gets a new state.
    """
    states = {}
    for address, identifier in ids.items():
        state = before.get(address)
        if state is None or state.id != identifier:
            state = InterpreterState(address, identifier, process.memory, layout, process.hook)
        states[address] = state
    return states
