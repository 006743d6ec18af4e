"""`inspector ps`: the CPython processes of the machine."""

from __future__ import annotations

import json
from functools import partial

import typer

from inspector.cli import options
from inspector.screen.streams import standard_output

__all__ = ["ps"]


def ps(context: typer.Context, *, as_json: options.JsonOption = False) -> None:
    """List every CPython process of the machine, without pausing any.

    THREADS is the operating system's threads, TYPES the heap types with a unique id, CPU the
    average since the process started. ? means unknown; the reason is below the table.
    """
    context.obj.append(partial(print_processes, as_json))


def print_processes(as_json: bool) -> None:
    """Look at all processes and write them to standard output."""
    from inspector.reader.process_survey import survey_processes

    found = survey_processes()
    with standard_output() as stream:
        if as_json:
            stream.write(json.dumps(found.as_dict()) + "\n")
            return
        from inspector.screen.console import console_for
        from inspector.screen.processes import processes_view

        console = console_for(stream)
        console.print(processes_view(found, console.width))
