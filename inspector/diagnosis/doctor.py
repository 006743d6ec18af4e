"""Whether a process may be read, and whether what is read of it is right."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from inspector.cpython.published import read_version, spell_version
from inspector.cpython.runtime_lists import read_gil_enabled, read_interpreters
from inspector.diagnosis.agreement import agreements
from inspector.errors import InspectorError, LayoutError, MemoryFault
from inspector.process.identity import read_thread_names
from inspector.process.other import OtherProcess
from inspector.process.own import OwnProcess
from inspector.process.permission import Permission, read_permission
from inspector.reader.discovery import find_layout
from inspector.reader.heap import HeapReader
from inspector.reader.lifetime import report_end

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout, Offset
    from inspector.diagnosis.agreement import Agreement

__all__ = ["Diagnosis", "diagnose"]


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about a process."""

    pid: int
    is_own: bool
    permission: Permission
    version: str | None
    """As ``3.14.7``; None if it was not found out."""
    agreements: tuple[Agreement, ...]
    """Every offset that is used; empty if the layout could not be found."""
    discovery_pause_ns: int | None
    """How long the process was stopped to find its layout; None if it was not."""
    error: InspectorError | None
    """What keeps the process from being read, or makes what is read doubtful."""
    heap: tuple[Offset, ...] = ()
    """Every offset of the allocator; empty if its layout could not be found."""
    heap_error: InspectorError | None = None
    """What keeps the heap from being read: the counts are read all the same."""
    gil_enabled: bool | None = None
    """Whether the GIL is on at this moment; None if that could not be read."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        error = self.error
        return {
            "pid": self.pid,
            "version": self.version,
            "gil_enabled": self.gil_enabled,
            "permission": asdict(self.permission),
            "discovery_pause_ns": self.discovery_pause_ns,
            "fields": [{**each.offset._asdict(), "ok": each.ok} for each in self.agreements],
            "heap": {
                "fields": [each._asdict() for each in self.heap],
                "error": None if self.heap_error is None else str(self.heap_error),
            },
            "ok": error is None,
            "error": None if error is None else str(error),
            "hint": None if error is None else error.hint,
        }


def diagnose(pid: int | None, pause_limit: float) -> Diagnosis:
    """Try everything that is needed to read a process, by default the own one.

    Raises nothing: what fails is in the result.
    """
    own = pid in (None, os.getpid())
    number = os.getpid() if pid is None else pid
    facts: dict[str, Any] = {"version": None, "agreements": (), "discovery_pause_ns": None}
    error: InspectorError | None = None
    try:
        process = OwnProcess() if own else OtherProcess(number)
        facts["version"] = spell_version(read_version(process.memory, process.runtime)[0])
        layout, facts["discovery_pause_ns"] = find_layout(process, pause_limit)
        with report_end(process, layout.published):
            for each in read_interpreters(process.memory, layout.published, layout.runtime):
                # The main one is the last.
                facts["gil_enabled"] = read_gil_enabled(process.memory, layout.published, each)
            found = agreements(process.memory, layout, partial(read_thread_names, number))
        facts["agreements"] = tuple(found)
        error = _disagreement(found)
        facts |= _heap(process, layout, pause_limit)
    except InspectorError as failure:
        error = failure
    return Diagnosis(number, own, read_permission(number), error=error, **facts)


def _heap(process: OwnProcess | OtherProcess, layout: Layout, pause_limit: float) -> dict[str, Any]:
    """Return the allocator's offsets, or what keeps them from being found."""
    try:
        with report_end(process, layout.published):
            return {"heap": HeapReader(process, layout).heap_layout(pause_limit).offsets}
    except (LayoutError, MemoryFault) as failure:
        return {"heap_error": failure}


def _disagreement(found: list[Agreement]) -> LayoutError | None:
    """Return the error that the first offset is that does not agree."""
    for each in found:
        if each.ok is False:
            return LayoutError(
                each.offset.field,
                expected="that all agree",
                found=each.offset.evidence,
                hint="do not trust what is read of this process; please report it with this output",
            )
    return None
