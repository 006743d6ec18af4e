"""Which process a command line without a PID is about; loads neither typer nor Rich."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from inspector.screen.streams import write_line

if TYPE_CHECKING:
    from inspector.reader.process_survey import PythonProcess

__all__ = ["OWN", "choose_process"]

OWN: Final = "self"
"""The word that stands for inspector's own process where a PID is asked for."""

MOST: Final = 20
"""Processes in a list to choose from."""

LONGEST: Final = 60
"""Characters of a command in that list."""


def choose_process(*, own: bool) -> int | None:
    """Return the process that somebody at a terminal chooses; None for inspector's own.

    Elsewhere nobody can be asked: a line on standard error says that inspector reads itself.
    Where its ``own`` process makes no sense, None means that nobody chose, and nothing is said.
    """
    if _has_terminal():
        from inspector.reader.process_survey import survey_processes

        survey = survey_processes()
        found = [process for process in survey.processes if process.facts.free_threaded]
        if found:
            return _ask_for_process(found[:MOST], own=own)
    if own:
        write_line(f"inspector: no PID given, so it reads itself; `{OWN}` asks for that")
    return None


def _has_terminal() -> bool:
    """Whether somebody can see a list and answer."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is None or not stream.isatty():
            return False
    return True


def _ask_for_process(processes: list[PythonProcess], *, own: bool) -> int | None:
    """Show processes until one is chosen; raise KeyboardInterrupt where input ends."""
    from inspector.screen.text import escape_text

    write_line("Which process?")
    width = max(len(str(process.pid)) for process in processes)
    for number, process in enumerate(processes, 1):
        command = escape_text(process.command, LONGEST)
        write_line(f"{number:>4}  {process.pid:>{width}}  {command}")
    pids = {str(process.pid): process.pid for process in processes}
    numbers = {str(number): process.pid for number, process in enumerate(processes, 1)}
    enter = "; Enter for inspector itself" if own else ""
    while True:
        write_line(f"A number of this list, or a PID{enter}:")
        line = sys.stdin.readline()
        if not line:
            raise KeyboardInterrupt
        word = line.strip()
        if not word and own:
            return None
        if word in numbers or word in pids:
            return numbers.get(word) or pids[word]
