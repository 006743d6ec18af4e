"""Readings of all threads' arrays of one interpreter, without any object.

For checks in the own process, which read the headers themselves.  A reading takes a few
hundred microseconds, without a pause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.errors import MemoryFault
from inspector.reader.plan import Request
from inspector.reader.planner import make_plan
from inspector.reader.reading import read_plan
from inspector.reader.retries import OutdatedPlan, retry_reading

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import RepeatableMemory
    from inspector.reader.plan import Plan
    from inspector.reader.reading import Reading

__all__ = ["ADVICE", "Arrays", "SlotReader", "key_arrays"]

ADVICE: Final = "threads or classes come and go too fast; check fewer things at once"

NO_OBJECTS: Final = Request(())

Arrays = dict[tuple[int, int], bytes]
"""(address of the thread state, native thread id) -> its array of contributions."""


class SlotReader:
    """Reads the pool and the arrays of one interpreter repeatedly."""

    def __init__(self, memory: RepeatableMemory, layout: Layout, interpreter: int) -> None:
        self._memory = memory
        self._layout = layout
        self._interpreter = interpreter
        self._plan: Plan | None = None
        """The plan of the reading before; reading it shows whether it is still right."""

    def read(self) -> Reading:
        """Read the pool and the arrays.

        Raises :class:`Unsettled` or :class:`LayoutError` if threads or classes come and go too
        fast.
        """
        return retry_reading(lambda _: self.read_once(), patient=False, advice=ADVICE)

    def read_once(self) -> Reading:
        """Do what :meth:`read` does, in one attempt.

        Raises :class:`OutdatedPlan`, :class:`MemoryFault` or :class:`LayoutError`.
        """
        plan, self._plan = self._plan, None
        reading = None if plan is None else self._try_plan(plan)
        if reading is None:
            plan = make_plan(self._memory, self._layout, self._interpreter, NO_OBJECTS)
            reading = read_plan(self._memory, self._layout, plan)
        self._plan = plan
        return reading

    def _try_plan(self, plan: Plan) -> Reading | None:
        """Read by a plan from before; None if it does not hold any more."""
        # No context manager: it is an instance of a type that may be among those counted.
        try:
            return read_plan(self._memory, self._layout, plan)
        except (OutdatedPlan, MemoryFault):
            return None

    def read_again(self, before: Reading) -> Reading:
        """Read the ranges of a reading again; raise :class:`OutdatedPlan` if they have changed."""
        now = read_plan(self._memory, self._layout, before.plan, before)
        if now.table_words != before.table_words:
            raise OutdatedPlan
        return now


def key_arrays(reading: Reading) -> Arrays:
    """Return the arrays of a reading by thread."""
    arrays: dict[tuple[int, int], bytes] = {}
    for thread, array in zip(reading.threads, reading.arrays, strict=True):
        arrays[thread.address, thread.native_id] = array
    return arrays
