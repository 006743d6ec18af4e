"""Whether a process can be read, and whether its layout is right."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from inspector.cpython.published import read_version, spell_version
from inspector.cpython.runtime_lists import read_gil_enabled, read_interpreters
from inspector.diagnosis.layout_checks import check_layout
from inspector.errors import InspectorError, LayoutError, MemoryFault
from inspector.process.identity import read_thread_names
from inspector.process.other import OtherProcess
from inspector.process.own import OwnProcess
from inspector.process.permission import Permission, read_permission
from inspector.reader.discovery import find_layout
from inspector.reader.heap import HeapReader
from inspector.reader.lifetime import report_end
from inspector.reader.thread_offsets import find_thread_offsets

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout, Offset
    from inspector.diagnosis.layout_checks import CheckedOffset

__all__ = ["Diagnosis", "diagnose_process"]


@dataclass(frozen=True)
class Diagnosis:
    """The result of :func:`diagnose_process`."""

    pid: int
    is_own: bool
    """Whether it is the process that runs this code."""
    permission: Permission
    version: str | None
    """As ``3.14.7``; None if it is unknown."""
    checked_offsets: tuple[CheckedOffset, ...]
    """Every offset that is used; empty if the layout was not found."""
    discovery_pause_ns: int | None
    """Nanoseconds for which the process was stopped to find its layout; None if it was not."""
    error: InspectorError | None
    """Why the process cannot be read, or why its counts cannot be trusted."""
    heap: tuple[Offset, ...] = ()
    """Every offset of the allocator; empty if its layout was not found."""
    heap_error: InspectorError | None = None
    """Why the heap cannot be read; reference counts can be read all the same."""
    threads: tuple[Offset, ...] = ()
    """Every offset that samples of threads read."""
    threads_error: InspectorError | None = None
    """Why threads cannot be sampled; reference counts can be read all the same."""
    gil_enabled: bool | None = None
    """Whether the GIL is on at this moment; None if it is unknown."""
    why_not_exact: str | None = None
    """Why the own process cannot be stopped for a reading; None if it can be, and for another."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        error = self.error
        return {
            "pid": self.pid,
            "version": self.version,
            "gil_enabled": self.gil_enabled,
            "permission": asdict(self.permission),
            "discovery_pause_ns": self.discovery_pause_ns,
            "why_not_exact": self.why_not_exact,
            "fields": [
                {**found.offset._asdict(), "ok": found.ok} for found in self.checked_offsets
            ],
            "heap": {
                "fields": [offset._asdict() for offset in self.heap],
                "error": None if self.heap_error is None else str(self.heap_error),
            },
            "threads": {
                "fields": [offset._asdict() for offset in self.threads],
                "error": None if self.threads_error is None else str(self.threads_error),
            },
            "ok": error is None,
            "error": None if error is None else str(error),
            "hint": None if error is None else error.hint,
        }


def diagnose_process(pid: int | None, pause_limit: float) -> Diagnosis:
    """Try all that reading a process takes; None is the own process.

    It is stopped for at most ``pause_limit`` seconds at a time, and not at all for 0.
    Raises no :class:`InspectorError`: the result has it as ``error`` or ``heap_error``.
    """
    own = pid in (None, os.getpid())
    number = os.getpid() if pid is None else pid
    facts: dict[str, Any] = {"version": None, "checked_offsets": (), "discovery_pause_ns": None}
    error: InspectorError | None = None
    try:
        process = OwnProcess() if own else OtherProcess(number)
        facts["version"] = spell_version(read_version(process.memory, process.runtime)[0])
        layout, facts["discovery_pause_ns"] = find_layout(process, pause_limit)
        with report_end(process, layout.published):
            for interpreter in read_interpreters(process.memory, layout.published, layout.runtime):
                # The main interpreter is the last one.
                facts["gil_enabled"] = read_gil_enabled(
                    process.memory, layout.published, interpreter
                )
            found = check_layout(process.memory, layout, partial(read_thread_names, number))
        facts["checked_offsets"] = tuple(found)
        error = _make_disagreement_error(found)
        facts |= _find_heap_offsets(process, layout, pause_limit)
        facts |= _find_thread_offsets(process, layout)
        if isinstance(process, OwnProcess):
            facts["why_not_exact"] = process.world.refusal or None
    except InspectorError as failure:
        error = failure
    return Diagnosis(number, own, read_permission(number), error=error, **facts)


def _find_heap_offsets(
    process: OwnProcess | OtherProcess, layout: Layout, pause_limit: float
) -> dict[str, Any]:
    """Return the fields of :class:`Diagnosis` about the heap."""
    try:
        with report_end(process, layout.published):
            return {"heap": HeapReader(process, layout).heap_layout(pause_limit).offsets}
    except (LayoutError, MemoryFault) as failure:
        return {"heap_error": failure}


def _find_thread_offsets(process: OwnProcess | OtherProcess, layout: Layout) -> dict[str, Any]:
    """Return the fields of :class:`Diagnosis` about samples of threads."""
    try:
        with report_end(process, layout.published):
            return {"threads": find_thread_offsets(process.pid, process.memory, layout).offsets}
    except (LayoutError, MemoryFault) as failure:
        return {"threads_error": failure}


def _make_disagreement_error(found: list[CheckedOffset]) -> LayoutError | None:
    """Return the error for the first offset that is wrong; None if there is none."""
    for checked in found:
        if checked.ok is False:
            return LayoutError(
                checked.offset.field,
                expected="that all agree",
                found=checked.offset.evidence,
                hint="do not trust what is read of this process; please report it with this output",
            )
    return None
