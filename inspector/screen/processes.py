"""The CPython processes of the machine as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from inspector.screen.cells import GAP, bare_table
from inspector.screen.text import escape_text, format_count, on_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.table import Table

    from inspector.reader.process_survey import ProcessSurvey, PythonProcess

__all__ = ["processes_view"]


def _format_version(each: PythonProcess) -> str:
    """Return the version, with the ``t`` of free-threaded builds."""
    version = each.facts.version
    return f"{version}{'t' if each.facts.free_threaded else ''}" if version else "?"


CELLS: Final[dict[str, Callable[[PythonProcess], str]]] = {
    "PID": lambda each: str(each.pid),
    "USER": lambda each: escape_text(each.user or "?"),
    "PYTHON": _format_version,
    "GIL": lambda each: on_off(each.facts.gil_enabled),
    "THREADS": lambda each: format_count(each.threads),
    "INTERPRETERS": lambda each: format_count(each.facts.interpreters),
    "TYPES": lambda each: format_count(each.facts.heap_types),
    "RSS": lambda each: "?" if each.rss is None else f"{each.rss / 2**20:,.1f} MiB",
    "CPU": lambda each: "?" if each.cpu_percent is None else f"{each.cpu_percent:.1f} %",
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
    widths = {head: max(map(cell_len, [head, *cells])) for head, cells in columns.items()}
    for head in SPARED:
        if sum(widths.values()) + GAP * len(widths) + NARROWEST > width:
            del widths[head]
    table = bare_table()
    for head, cells in widths.items():
        justify: Literal["left", "right"] = "left" if head in TEXTS else "right"
        table.add_column(head, width=cells, justify=justify, no_wrap=True)
    commands = [escape_text(each.command) for each in processes]
    rest = max(1, width - sum(widths.values()) - GAP * len(widths))
    longest = max(map(cell_len, ["COMMAND", *commands]))
    table.add_column("COMMAND", width=min(rest, longest), no_wrap=True, overflow="ellipsis")
    for number, each in enumerate(processes):
        row = [Text(columns[head][number]) for head in widths]
        style = "dim" if each.facts.heap_types is None else ""
        table.add_row(*row, Text(commands[number]), style=style)
    parts: list[Table | Text] = [table, Text("")] if processes else []
    reasons = _group_reasons(processes)
    if reasons:
        parts += [*reasons, Text("")]
    return Group(*parts, Text(_write_caption(survey), "dim"))


def _group_reasons(processes: Iterable[PythonProcess]) -> list[Text]:
    """Return why some could not be read in full and what to do about it, each reason once."""
    pids: dict[str, list[str]] = {}
    for each in processes:
        facts = each.facts
        if facts.reason:
            hint = f" ({escape_text(facts.hint)})" if facts.hint else ""
            pids.setdefault(f"{escape_text(facts.reason)}{hint}", []).append(str(each.pid))
    return [Text(f"{', '.join(those)}: {reason}") for reason, those in pids.items()]


def _write_caption(survey: ProcessSurvey) -> str:
    """Return how many there are, and how many may be missing."""
    total = len(survey.processes)
    free = sum(each.facts.free_threaded is True for each in survey.processes)
    noun = "process" if total == 1 else "processes"
    text = f"{total:,} CPython {noun}, {free:,} free-threaded"
    if survey.hidden:
        text += f"; {survey.hidden:,} more may not be read and are not called python"
    return text
