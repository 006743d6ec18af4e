"""`inspector record`: a process, or a program started for it, into a file."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

import inspector
from inspector.cli import options
from inspector.cli.command import Command
from inspector.cli.completion import complete_pids
from inspector.cli.run import RunCommand
from inspector.cli.show import ReadOptions
from inspector.launch.recorder import Schedule, end_with_reader, record_readings, start_program
from inspector.reader.heap_pace import HeapPace
from inspector.reader.target import PAUSE_LIMIT, RETRIES
from inspector.screen.selection import kinds_of
from inspector.screen.streams import write_line
from inspector.screen.text import escape_text, format_plural
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen

    from inspector.launch.recorder import Tally
    from inspector.reader.target import Target
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["RecordCommand", "record_"]


class RecordCommand(RunCommand):
    """The command whose options end where a program's begin; a PID may come before them."""

    subject = "subject"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own or click's
        """Parse up to the program, or everything where there is none."""
        _, subject = self.divided(ctx, args)
        if subject and options.is_pid(subject[0]):
            return Command.parse_args(self, ctx, args)
        return super().parse_args(ctx, args)

    def convert_pid(self, pid: int) -> list[str]:
        """Return the words that name a process."""
        return [str(pid)]


SubjectArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PID|PROGRAM",
        autocompletion=complete_pids,
        help="A process id; or SCRIPT, -m MODULE or -c CODE to start, with its arguments; "
        "python may come before it.",
    ),
]
FileOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The file to write; .gz and .zst are compressed. By default its name is made of "
        "the PID and the time.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite the file.")]


InstancesOption = Annotated[
    bool,
    typer.Option(
        "--instances/--no-instances",
        help="Record instances and bytes of every type, and RSS; the heap is read as often as "
        "takes a tenth of a processor at most.",
    ),
]


def record_(
    context: typer.Context,
    subject: SubjectArgument,
    *,
    file: FileOption = None,
    interval: options.IntervalOption = 1.0,
    duration: options.DurationOption = None,
    force: ForceOption = False,
    kind: options.KindOption = "type",
    instances: InstancesOption = True,
    blocking: options.BlockingOption = False,
    interpreter: options.InterpreterOption = None,
    retries: options.RetriesOption = RETRIES,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Record the counts of a process over time, to replay or compare them.

    A program is started, and recorded from another process until it ends; the exit status is
    the program's. Ctrl-C ends the recording of a process.
    """
    kinds = kinds_of(kind)
    read_options = ReadOptions(blocking, interpreter, retries, pause_limit, kinds, instances)
    context.obj.append(
        partial(start_recording, subject, file, read_options, Schedule(interval, duration, force))
    )


def start_recording(
    subject: Sequence[str], path: str | None, read_options: ReadOptions, schedule: Schedule
) -> None:
    """Record a process, or a program from its start to its end."""
    child: Popen[bytes] | None = None
    if len(subject) == 1 and options.is_pid(subject[0]):
        with announce_wait("attaching to", int(subject[0])):
            target = inspector.attach(int(subject[0]), pause_limit=read_options.pause_limit)
    else:
        child, target = start_program(subject, read_options.pause_limit)
    path = path or time.strftime(f"inspector-{target.pid}-%Y%m%d-%H%M%S.jsonl.gz")
    with end_with_reader(child):
        tally = _record_with_progress(target, path, read_options, schedule)
    failed = f", {tally.failed:,} not taken" if tally.failed else ""
    write_line(
        f"{format_plural(tally.readings, 'reading')}{failed} in {escape_text(path)}, "
        f"{tally.size:,} bytes"
    )
    if child is not None and (status := child.wait()):
        raise SystemExit(status if status > 0 else 128 - status)


def _record_with_progress(
    target: Target, path: str, read_options: ReadOptions, schedule: Schedule
) -> Tally:
    """Record with a progress bar."""
    from inspector.screen.progress import show_recording

    pace = HeapPace(target, blocking=read_options.blocking, pause_limit=read_options.pause_limit)

    def read() -> Snapshot:
        snapshot = read_options.read_counts(target)
        return pace.add_heap(snapshot) if read_options.instances else snapshot

    with show_recording(schedule.duration) as tell:
        return record_readings(
            target,
            read,
            path,
            schedule,
            lambda tally: tell(tally.readings, tally.size, tally.seconds),
        )
