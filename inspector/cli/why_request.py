"""What `inspector why` and `inspector run --why` do: watch a process or a program, and tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import inspector
from inspector.cli import options
from inspector.errors import FaultFound, NoSuchObject
from inspector.launch.recorder import end_with_reader, start_program
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen

    from inspector.analysis.thread_time import Finding
    from inspector.diagnosis.why import Parallelism
    from inspector.reader.target import Target

__all__ = ["KINDS", "WhyRequest", "print_findings"]

DURATION: Final = 5.0
"""Seconds for which a process is watched."""

KINDS: Final = ("stop-the-world", "gil", "lock", "object", "type")
LEAST_SHARE: Final = 0.05
"""Of the threads' time that a finding must cost before ``--fail-on`` counts it."""
LEAST_HEAT: Final = 0.3
"""Share of samples in which a count must change, where its cost is not known."""


class WhyRequest(NamedTuple):
    """What is watched, for how long, and what is done with the findings."""

    duration: float | None = None
    rate: float = 1000.0
    pause_limit: float = PAUSE_LIMIT
    threads: tuple[int, ...] = ()
    as_json: bool = False
    export: str | None = None
    fail_on: tuple[str, ...] = ()


def print_findings(subject: Sequence[str], request: WhyRequest) -> None:
    """Watch a process, or a program from its start, and write what was found.

    Raises :class:`FaultFound` for a finding that is to fail.
    """
    child: Popen[bytes] | None = None
    duration = request.duration
    if len(subject) == 1 and options.is_pid(subject[0]):
        with announce_wait("attaching to", int(subject[0])):
            target = inspector.attach(int(subject[0]), pause_limit=request.pause_limit)
        duration = DURATION if duration is None else duration
    else:
        child, target = start_program(subject, request.pause_limit)
        duration = options.LONGEST if duration is None else duration
    with end_with_reader(child):
        found = watch(target, duration, request)
    if request.export is not None:
        from inspector.screen.why_export import export_findings

        export_findings(found, request.export)
    with standard_output() as stream:
        if request.as_json:
            stream.write(json.dumps(found.as_dict()) + "\n")
        else:
            from inspector.screen.console import console_for
            from inspector.screen.why import why_view

            console_for(stream).print(why_view(found))
    bad = [each for each in found.findings if each.kind in request.fail_on and is_costly(each)]
    status = child.wait() if child is not None else 0
    if bad:
        costs = ", ".join(describe_cost(finding) for finding in bad)
        raise FaultFound(f"threads are kept apart: {costs}")
    if status:
        raise SystemExit(status if status > 0 else 128 - status)


def watch(target: Target, duration: float, request: WhyRequest) -> Parallelism:
    """Watch with a progress bar."""
    from inspector.diagnosis.why import watch_threads
    from inspector.screen.progress import show_sampling

    if request.threads:
        alive = {thread.native_id for thread in target.snapshot().threads}
        missing = sorted(set(request.threads) - alive)
        if missing:
            raise NoSuchObject(
                f"process {target.pid} has no Python thread {missing[0]}",
                subject=missing[0],
                hint=f"it has {', '.join(map(str, sorted(alive)))}",
            )
    with show_sampling(duration) as tell:
        return watch_threads(
            target, duration=duration, rate=request.rate, threads=request.threads, tell=tell
        )


def is_costly(finding: Finding) -> bool:
    """Whether a finding costs enough to fail on."""
    if finding.share is None:
        return (finding.heat or 0.0) >= LEAST_HEAT
    return finding.share >= LEAST_SHARE


def describe_cost(finding: Finding) -> str:
    """Return the kind of a finding, and its share, or its heat where that is unknown."""
    if finding.share is None:
        return f"{finding.kind} ({finding.name}, changes in {finding.heat or 0.0:.0%})"
    return f"{finding.kind} ({finding.share:.0%})"
