"""`inspector ps`: the CPython processes of the machine."""

from __future__ import annotations

import json
from functools import partial

import typer  # noqa: TC002 - typer looks at the annotations

from inspector.cli import options  # noqa: TC001 - likewise
from inspector.screen.streams import standard_output

__all__ = ["ps"]


def ps(context: typer.Context, *, as_json: options.JsonOption = False) -> None:
    """List every CPython process of the machine, without pausing any.

    THREADS are those of the operating system, TYPES the heap types that have a
    unique id, CPU the average over the life of the process. What is not known is a
    question mark; below the table stands why.
    """
    context.obj.append(partial(show, as_json))


def show(as_json: bool) -> None:  # noqa: FBT001 - an option
    """Look at all processes and write them to standard output."""
    from inspector.reader.survey import survey  # noqa: PLC0415 - other verbs need no psutil

    found = survey()
    with standard_output() as stream:
        if as_json:
            stream.write(json.dumps(found.as_dict()) + "\n")
            return
        from inspector.screen.console import console_for  # noqa: PLC0415 - Rich is not for JSON
        from inspector.screen.processes import processes_view  # noqa: PLC0415 - likewise

        console = console_for(stream)
        console.print(processes_view(found, console.width))
