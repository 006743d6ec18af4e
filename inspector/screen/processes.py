"""The CPython processes of the machine as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import GAP, bare_table, measure_column
from inspector.screen.text import escape_text, format_count, on_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.table import Table

    from inspector.reader.process_survey import ProcessSurvey, PythonProcess

__all__ = ["processes_view"]


def _format_version(process: PythonProcess) -> str:
    """Return the version, with the ``t`` of free-threaded builds."""
    version = process.facts.version
    return f"{version}{'t' if process.facts.free_threaded else ''}" if version else "?"


CELLS: Final[dict[str, Callable[[PythonProcess], str]]] = {
    "PID": lambda process: str(process.pid),
    "USER": lambda process: escape_text(process.user or "?"),
    "PYTHON": _format_version,
    "GIL": lambda process: on_off(process.facts.gil_enabled),
    "THREADS": lambda process: format_count(process.threads),
    "INTERPRETERS": lambda process: format_count(process.facts.interpreters),
    "TYPES": lambda process: format_count(process.facts.heap_types),
    "RSS": lambda process: "?" if process.rss is None else f"{process.rss / 2**20:,.1f} MiB",
    "CPU": lambda process: "?" if process.cpu_percent is None else f"{process.cpu_percent:.1f} %",
}
"""Every column beside the command lines, in the order in which they are drawn."""

TEXTS: Final = frozenset({"USER", "PYTHON", "GIL"})

SPARED: Final = ("INTERPRETERS", "CPU", "USER", "RSS", "THREADS", "TYPES", "GIL")
"""The columns that a narrow screen goes without, the first one first."""

NARROWEST: Final = 16
"""Cells that command lines have at least."""


def processes_view(survey: ProcessSurvey, width: int) -> Group:
    """Return the processes as a table, and below it why some could not be read in full."""
    processes = survey.processes
    columns = {head: list(map(cell, processes)) for head, cell in CELLS.items()}
    widths = {head: measure_column(head, cells) for head, cells in columns.items()}
    for head in SPARED:
        if sum(widths.values()) + GAP * len(widths) + NARROWEST > width:
            del widths[head]
    table = bare_table()
    for head, cells in widths.items():
        justify: Literal["left", "right"] = "left" if head in TEXTS else "right"
        table.add_column(head, width=cells, justify=justify, no_wrap=True)
    commands = [escape_text(process.command) for process in processes]
    rest = max(1, width - sum(widths.values()) - GAP * len(widths))
    longest = measure_column("COMMAND", commands)
    table.add_column("COMMAND", width=min(rest, longest), no_wrap=True, overflow="ellipsis")
    for number, process in enumerate(processes):
        row = [Text(columns[head][number]) for head in widths]
        style = "dim" if process.facts.heap_types is None else ""
        table.add_row(*row, Text(commands[number]), style=style)
    parts: list[Table | Text] = [table, Text("")] if processes else []
    reasons = _group_reasons(processes)
    if reasons:
        parts += [*reasons, Text("")]
    return Group(*parts, Text(_write_caption(survey), "dim"))


def _group_reasons(processes: Iterable[PythonProcess]) -> list[Text]:
    """Return why some could not be read in full and what to do about it, each reason once."""
    pids: dict[str, list[str]] = {}
    for process in processes:
        facts = process.facts
        if facts.reason:
            hint = f" ({escape_text(facts.hint)})" if facts.hint else ""
            pids.setdefault(f"{escape_text(facts.reason)}{hint}", []).append(str(process.pid))
    return [Text(f"{', '.join(those)}: {reason}") for reason, those in pids.items()]


def _write_caption(survey: ProcessSurvey) -> str:
    """Return how many there are, and how many may be missing."""
    total = len(survey.processes)
    free = 0
    for process in survey.processes:
        free += process.facts.free_threaded is True
    noun = "process" if total == 1 else "processes"
    text = f"{total:,} CPython {noun}, {free:,} free-threaded"
    if survey.hidden:
        text += f"; {survey.hidden:,} more may not be read and are not called python"
    return text
