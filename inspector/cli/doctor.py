"""`inspector doctor`: may a process be read, and is what is read of it right."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from inspector.cli import options
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

__all__ = ["doctor"]

TimingOption = Annotated[
    bool, typer.Option("--timing", help="Also attach and read, and time every phase.")
]


def doctor(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    timing: TimingOption = False,
    as_json: options.JsonOption = False,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Check whether a process can be read, and whether what is read is right.

    Shows every offset with its source (published by the process, discovered in it, or from
    a public header) and tests it on all objects. The last line says yes, or what to do; the
    exit status is that of the error.
    """
    context.obj.append(partial(print_diagnosis, pid, timing, as_json, pause_limit))


def print_diagnosis(
    pid: int | None,
    timing: bool,
    as_json: bool,
    pause_limit: float,
) -> int:
    """Examine a process, write what was found to standard output, return the exit status."""
    from inspector.diagnosis.doctor import diagnose_process

    with announce_wait("examining", pid):
        found = diagnose_process(pid, pause_limit)
    times = None
    if timing and found.error is None:
        from inspector.diagnosis.timing import measure_phases

        times = measure_phases(pid, pause_limit)
    with standard_output() as stream:
        if as_json:
            document = {**found.as_dict(), "timing": times and times.as_dict()}
            stream.write(json.dumps(document) + "\n")
        else:
            from inspector.screen.console import console_for
            from inspector.screen.doctor import diagnosis_view

            console_for(stream).print(diagnosis_view(found, times))
    return 0 if found.error is None else found.error.exit_code
