"""`inspector type`: one type in full."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, NamedTuple

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


AccountingOption = Annotated[
    bool,
    typer.Option(
        "--accounting", help="Search all memory, too: who holds each reference to the type."
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
    accounting: AccountingOption = False,
    blocking: options.BlockingOption = False,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print one type in full: header, total, threads, bases, and how it is counted."""
    request = TypeRequest(
        subject=subject,
        pid=pid,
        instances=instances,
        accounting=accounting,
        blocking=blocking,
        pause_limit=pause_limit,
    )
    context.obj.append(partial(print_type, request, as_json=as_json))


class TypeRequest(NamedTuple):
    """What a user wants to know."""

    subject: str
    pid: int | None
    instances: bool
    accounting: bool
    blocking: bool
    pause_limit: float


def print_type(request: TypeRequest, *, as_json: bool) -> None:
    """Read a process and write one type to standard output."""
    held = None
    with announce_wait("reading", request.pid):
        target = inspector.attach(request.pid, pause_limit=request.pause_limit)
        anatomy = target.anatomy(
            _parse_subject(request.subject),
            blocking=request.blocking,
            pause_limit=request.pause_limit,
            instances=request.instances,
        )
        if request.accounting:
            held = target.accounting(
                anatomy.count.address,
                blocking=request.blocking,
                pause_limit=request.pause_limit,
            )
    with standard_output() as stream:
        if as_json:
            document = anatomy.as_dict()
            if held is not None:
                document["accounting"] = held.as_dict()
            stream.write(json.dumps(document) + "\n")
            return
        from inspector.screen.anatomy import accounting_view, anatomy_view
        from inspector.screen.console import console_for

        console = console_for(stream)
        console.print(anatomy_view(anatomy))
        if held is not None:
            console.print(accounting_view(held))


def _parse_subject(subject: str) -> str | int:
    """Return an address for what looks like one, else the name."""
    try:
        return int(subject, 0)
    except ValueError:
        return subject
