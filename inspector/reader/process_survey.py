"""All CPython processes of the machine, and what can be read of each without a pause."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil

from inspector.cpython.pool import read_pool, read_table
from inspector.cpython.published import read_published, read_version, spell_version
from inspector.cpython.runtime_lists import read_gil_enabled, read_interpreters
from inspector.errors import (
    AccessDenied,
    Exhausted,
    InspectorError,
    TargetError,
    UnsupportedVersion,
)
from inspector.process import proc
from inspector.process.other import OtherProcess
from inspector.process.permission import ACCESS_HINT
from inspector.process.runtime import guess_python_version
from inspector.reader.discovery import find_layout
from inspector.reader.kinds import classify_objects

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout

__all__ = ["ProcessSurvey", "PythonProcess", "find_python_commands", "survey_processes"]

REFUSED: Final = "not allowed to read it"

FIRST_FREE_THREADED: Final = 13
"""Minor version of CPython; from this one on the layout is published."""


@dataclass(frozen=True)
class MemoryFacts:
    """Facts from the memory of a process; None for what could not be read."""

    version: str | None = None
    """As ``3.14.7``; for CPython 3.12 and older only ``3.12``, from the names of its files."""
    free_threaded: bool | None = None
    gil_enabled: bool | None = None
    """Whether the GIL is on at this moment."""
    interpreters: int | None = None
    heap_types: int | None = None
    """Types with a unique id in all interpreters."""
    reason: str | None = None
    """Why something could not be read; None if all was read."""
    hint: str | None = None
    """What to do about it."""


@dataclass(frozen=True)
class PythonProcess:
    """One CPython process."""

    pid: int
    user: str | None
    threads: int | None
    """Threads of the operating system, including those that run no Python code."""
    rss: int | None
    """Bytes of its memory that are in RAM."""
    cpu_percent: float | None
    """Percent of one processor, on average since the process began."""
    command: str
    facts: MemoryFacts = field(default_factory=MemoryFacts)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, flat."""
        row = asdict(self)
        facts = row.pop("facts")
        return {**row, **facts}


@dataclass(frozen=True)
class ProcessSurvey:
    """The result of :func:`survey_processes`."""

    processes: tuple[PythonProcess, ...]
    """CPython processes in the order of their pids, without the reader itself."""
    hidden: int
    """Processes that must not be read and may or may not run Python, by their names."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that ``inspector ps --json`` prints."""
        return {
            "processes": [process.as_dict() for process in self.processes],
            "hidden": self.hidden,
        }


def survey_processes() -> ProcessSurvey:
    """Examine every process once; leave out those that end meanwhile.

    Raises :class:`Exhausted` if there are too few file descriptors or memory.
    """
    found = []
    hidden = 0
    for pid in psutil.pids():
        if pid == os.getpid():
            continue
        try:
            facts = _read_facts(pid)
            process = None if facts is None else _describe_process(pid, facts)
        except AccessDenied:
            # One reason for all of them: a list says it once.
            process = _describe_process(pid, MemoryFacts(reason=REFUSED, hint=ACCESS_HINT))
            if process is not None and not _is_called_python(process):
                hidden += 1
                process = None
        if process is not None:
            found.append(process)
    return ProcessSurvey(tuple(found), hidden)


def _read_facts(pid: int) -> MemoryFacts | None:
    """Return the facts from a process's memory; None if it runs no CPython, or has ended.

    Raises :class:`AccessDenied`.
    """
    try:
        process = OtherProcess(pid)
    except (AccessDenied, Exhausted):
        raise
    except UnsupportedVersion as refusal:
        return _guess_version(pid, refusal)
    except InspectorError:
        return None
    try:
        facts = _read_memory(process)
        process.check()
    except AccessDenied:
        raise
    except TargetError:
        return None
    finally:
        process.memory.close()
    return facts


def _read_memory(process: OtherProcess) -> MemoryFacts:
    """Read as much as possible; the first error becomes the reason why the rest is unknown."""
    memory = process.memory
    facts: dict[str, Any] = {}
    try:
        version, free_threaded = read_version(memory, process.runtime)
        facts |= {"version": spell_version(version), "free_threaded": free_threaded}
        if not free_threaded:
            facts["gil_enabled"] = True
        published = read_published(memory, process.runtime, process.pid)
        chain = read_interpreters(memory, published, process.runtime)
        facts["interpreters"] = len(chain)
        # The main interpreter is the oldest: at the end of the list.
        facts["gil_enabled"] = read_gil_enabled(memory, published, chain[-1]) if chain else None
        layout, _ = find_layout(process, pause_limit=0)
        heap_types = 0
        for interpreter in chain:
            heap_types += _count_heap_types(process, layout, interpreter)
        facts["heap_types"] = heap_types
    except InspectorError as failure:
        facts |= {"reason": str(failure), "hint": failure.hint}
    return MemoryFacts(**facts)


def _count_heap_types(process: OtherProcess, layout: Layout, interpreter: int) -> int:
    """Return the number of types with a unique id in one interpreter."""
    memory = process.memory
    table = read_table(memory, read_pool(memory, interpreter + layout.unique_ids))
    kinds = classify_objects(memory, layout, table)
    return list(kinds.values()).count("type")


def _guess_version(pid: int, refusal: UnsupportedVersion) -> MemoryFacts | None:
    """Return the version of CPython by the names of the process's files; None if unknown."""
    try:
        paths = [proc.read_link(f"/proc/{pid}/exe")]
        paths += [mapping.path for mapping in proc.read_mappings(pid)]
    except OSError:
        return None
    version = guess_python_version(paths)
    if version is None:
        return None
    if int(version.partition(".")[2]) >= FIRST_FREE_THREADED:
        return MemoryFacts(version, reason=str(refusal), hint=refusal.hint)
    reason = f"CPython {version} publishes no layout"
    return MemoryFacts(
        version, free_threaded=False, gil_enabled=True, reason=reason, hint=refusal.hint
    )


def _describe_process(pid: int, facts: MemoryFacts) -> PythonProcess | None:
    """Add what the operating system knows of a process; None if it has ended."""
    try:
        process = psutil.Process(pid)
        known = process.as_dict(
            ["username", "num_threads", "memory_info", "cpu_times", "cmdline", "name", "status"]
        )
        age = time.time() - process.create_time()
    except psutil.NoSuchProcess:
        return None
    if known["status"] == psutil.STATUS_ZOMBIE:
        return None
    memory, cpu = known["memory_info"], known["cpu_times"]
    return PythonProcess(
        pid=pid,
        user=known["username"],
        threads=known["num_threads"],
        rss=memory.rss if memory else None,
        cpu_percent=round(100 * (cpu.user + cpu.system) / age, 1) if cpu and age > 0 else None,
        command=" ".join(known["cmdline"] or [known["name"] or ""]),
        facts=facts,
    )


def find_python_commands() -> list[tuple[int, str]]:
    """Return (pid, command) of processes whose executable is called like Python.

    To look into each process, as :func:`survey_processes` does, takes longer than a shell that
    completes a word should wait.
    """
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "exe"]):
        pid, words = process.info["pid"], process.info["cmdline"] or []
        for path in (process.info["exe"] or "", *words[:1]):
            if path.rpartition("/")[2].startswith("python") and pid != os.getpid():
                found.append((pid, " ".join(words)))
                break
    return found


def _is_called_python(process: PythonProcess) -> bool:
    """Whether the program of a command, without its path, has a name like ``python3``."""
    words = process.command.split()
    return bool(words) and words[0].rpartition("/")[2].startswith("python")
