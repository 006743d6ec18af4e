"""`inspector holders`: who holds an object, or the instances of a type."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, NamedTuple

import typer

import inspector
from inspector.cli import options
from inspector.cli.histo import MemoryOption
from inspector.cli.leaks import MEGABYTE, ValuesOption
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait
from inspector.snapshots.heap import IMAGE_MEMORY

__all__ = ["holders"]


class HolderQuestion(NamedTuple):
    """What a user wants to know."""

    subject: str | int
    pid: int
    blocking: bool
    pause_limit: float
    memory: int
    """Bytes."""
    values: bool
    limit: int | None


def holders(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="NAME|ADDRESS",
            help="A type, for all of its instances, or the address 0x… of one object.",
        ),
    ],
    pid: options.RequiredPidArgument,
    *,
    limit: options.LimitOption = None,
    as_json: options.JsonOption = False,
    blocking: options.BlockingOption = False,
    show_values: ValuesOption = False,
    memory: MemoryOption = IMAGE_MEMORY // MEGABYTE,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Show who holds an object, or the instances of a type: counted paths from a root.

    A root is a module, a local variable of a running function, or static memory. Keys of
    dictionaries are shown by their type. With --blocking the process stands still meanwhile.
    """
    try:
        chosen: str | int = int(subject, 0)
    except ValueError:
        chosen = subject
    question = HolderQuestion(
        subject=chosen,
        pid=pid,
        blocking=blocking,
        pause_limit=pause_limit,
        memory=memory * MEGABYTE,
        values=show_values,
        limit=limit,
    )
    context.obj.append(partial(print_holders, question, as_json=as_json))


def print_holders(question: HolderQuestion, *, as_json: bool) -> None:
    """Read a process and write who holds objects to standard output."""
    from inspector.diagnosis.holders import find_holders

    with announce_wait("reading", question.pid):
        target = inspector.attach(question.pid, pause_limit=question.pause_limit)
        held = target.referrers(
            question.subject,
            blocking=question.blocking,
            pause_limit=question.pause_limit,
            memory=question.memory,
            values=question.values,
        )
        found = find_holders(held)
    with standard_output() as stream:
        if as_json:
            shown = found._replace(holders=found.holders[: question.limit or None])
            stream.write(json.dumps(shown.as_dict()) + "\n")
        else:
            from inspector.screen.holders import print_holders_view

            print_holders_view(found, question.limit, stream)
