"""`inspector type`: one type in full."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

import inspector
from inspector.cli import options
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

__all__ = ["type_"]


InstancesOption = Annotated[
    bool,
    typer.Option(
        "--instances/--no-instances", help="Read the heap, too: how many instances are alive."
    ),
]


def type_(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="NAME|ADDRESS",
            help="A name such as app.Order, or an address 0x7f… if several types have it.",
        ),
    ],
    pid: options.PidArgument = None,
    *,
    as_json: options.JsonOption = False,
    instances: InstancesOption = True,
    blocking: options.BlockingOption = False,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print one type in full: header, total, threads, bases, and how it is counted."""
    context.obj.append(partial(print_type, subject, pid, as_json, instances, blocking, pause_limit))


def print_type(
    subject: str,
    pid: int | None,
    as_json: bool,
    instances: bool,
    blocking: bool,
    pause_limit: float,
) -> None:
    """Read a process and write one type to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=pause_limit)
        anatomy = target.anatomy(
            _parse_subject(subject),
            blocking=blocking,
            pause_limit=pause_limit,
            instances=instances,
        )
    with standard_output() as stream:
        if as_json:
            stream.write(json.dumps(anatomy.as_dict()) + "\n")
            return
        from inspector.screen.anatomy import anatomy_view
        from inspector.screen.console import console_for

        console_for(stream).print(anatomy_view(anatomy))


def _parse_subject(subject: str) -> str | int:
    """Return an address for what looks like one, else the name."""
    try:
        return int(subject, 0)
    except ValueError:
        return subject
