"""What keeps threads apart, as a Rich renderable; a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from inspector.process.perf_events import REFUSED
from inspector.screen.text import STOPPED_BY_SIGNAL, escape_text, format_plural

if TYPE_CHECKING:
    from inspector.analysis.processor_time import ProcessorTime
    from inspector.analysis.thread_time import Finding, LineShare, ThreadTime
    from inspector.diagnosis.why import Parallelism

__all__ = ["why_view"]

LONGEST: Final = 60
SMALL: Final = 0.005
"""Shares below are no cost that anybody could win back."""
PARALLEL: Final = 1.5
"""Threads that run at the same time, on average, from which on they run side by side."""
LACKING: Final = 0.5
"""Processors that threads want and do not get, on average, from which on that is said."""
ELSEWHERE: Final = "other processes had the rest, or the machine gave no more"
INDENT: Final = 4
STYLES: Final = {"stop-the-world": "bold red", "gil": "bold red", "lock": "bold yellow"}
LINES_OF: Final = {
    "stop-the-world": "requested by",
    "object": "on CPU at",
    "type": "on CPU at",
}


def why_view(found: Parallelism) -> Group:
    """Return who was watched, what threads did, each finding with its lines, what is unseen."""
    target = found.target
    gil = "GIL on" if target.gil_enabled else "GIL off"
    facts = ["inspector why", f"pid {target.pid}", escape_text(target.command, LONGEST)]
    facts += [f"Python {target.version} {gil}", f"{found.seconds:.1f} s"]
    facts.append(format_plural(found.samples, "sample"))
    parts = [
        Text(" · ".join(filter(None, facts)), "bold"),
        Text(_describe_threads(found.threads)),
        Text(_describe_processors(found)),
        Text(_describe_processor_time(found.processor)),
        Text(""),
    ]
    body: list[Text | Padding] = list(parts)
    for number, finding in enumerate(found.findings, 1):
        body += _describe_finding(number, finding)
    if found.stopped_by_signal:
        body.append(Text(STOPPED_BY_SIGNAL.format(target.pid), "bold red"))
    elif not any(finding.share != 0 for finding in found.findings):
        body.append(Text(_describe_freedom(found), "bold green"))
    body.append(Text("not visible from here: " + "; ".join(found.unseen), "dim"))
    if found.ended:
        body.append(Text("the process ended", "bold red"))
    return Group(*body)


def _describe_freedom(found: Parallelism) -> str:
    """Say what threads do that nothing keeps apart."""
    time = found.threads
    text = "nothing was seen to keep these threads apart"
    if time.running >= PARALLEL:
        used = "?" if found.processors_used is None else f"{found.processors_used:.1f}"
        of = "?" if found.processors is None else f"{found.processors:g}"
        text = f"{text}: {time.running:.1f} run side by side, on {used} of {of} processors"
        return f"{text}; {ELSEWHERE}" if _lacks_processors(found) else text
    if time.running > SMALL:
        return f"{text}: {time.running:.1f} of them runs, the others wait for work or sleep"
    return f"{text}: none of them wants to run, all wait for work or sleep"


def _lacks_processors(found: Parallelism) -> bool:
    """Whether threads that could run got clearly less of the processors than there are."""
    if found.processors_used is None or found.processors is None:
        return False
    possible = min(found.threads.running, found.processors)
    return possible - found.processors_used >= LACKING


def _describe_threads(time: ThreadTime) -> str:
    """Say what threads did on average, leaving out what none did."""
    parts = []
    for number, what in (
        (time.running, "run"),
        (time.stopped, "wait for a stopped world"),
        (time.locked, "wait for locks"),
        (time.gil, "wait for the GIL"),
        (time.work, "wait for something to do"),
        (time.system, "sleep in system calls"),
    ):
        if number >= SMALL:
            parts.append(f"{number:.1f} {what}")
    return f"of {time.number:.1f} threads, on average " + (", ".join(parts) or "none was seen")


def _describe_processors(found: Parallelism) -> str:
    if found.processors_used is None:
        return "processor time: ?"
    of = "?" if found.processors is None else f"{found.processors:g}"
    text = f"{found.processors_used:.1f} of {of} processors used"
    if found.sleeps:
        sleeps = (f"{number:.1f} {name}" for name, number in found.sleeps.items())
        text += f"; asleep in: {', '.join(sleeps)}"
    if found.attached_sleeps >= SMALL:
        text += (
            f"; {found.attached_sleeps:.1f} of these attached, which every stop of the world "
            "waits for"
        )
    return text


def _describe_processor_time(time: ProcessorTime) -> str:
    """Say what shared counting and locks cost of the processor time, or why that is unknown."""
    if not time.samples:
        why = "no thread ran" if time.reason is None else f"{time.reason}; {REFUSED}"
        return f"processor time in shared counting: ? ({why})"
    if time.counting is None or time.locking is None:
        return "processor time in shared counting: ? (CPython's file has no symbols)"
    return (
        f"processor time: {time.counting:.0%} or more in shared counting, "
        f"{time.locking:.0%} in locks ({format_plural(time.samples, 'sample')})"
    )


def _describe_finding(number: int, finding: Finding) -> list[Text | Padding]:
    """Return a headline, lines of code, and advice."""
    share = "?" if finding.share is None else f"{finding.share:.0%}"
    if finding.share is not None and finding.share < SMALL:
        share = "costs nothing"
    head = Text.assemble(
        f"{number}  ",
        (f"{finding.kind:<15}", STYLES.get(finding.kind, "bold")),
        (f" {share:>4}  ", "bold"),
        escape_text(finding.name),
    )
    if finding.kind == "lock":
        head.append(f": {finding.waiting:.1f} waiters, {format_plural(finding.threads, 'thread')}")
    if finding.heat is not None:
        threads = format_plural(finding.threads, "thread")
        head.append(f": {threads}, changes in {finding.heat:.0%} of the samples")
    what = LINES_OF.get(finding.kind, "waiting at")
    lines = [Text(f"{what} {_describe_line(line)}") for line in finding.lines]
    lines.append(Text(finding.advice, "dim"))
    return [head, *(Padding(line, (0, 0, 0, INDENT)) for line in lines), Text("")]


def _describe_line(line: LineShare) -> str:
    place = escape_text(line.file, LONGEST)
    number = "?" if line.line is None else line.line
    return f"{place}:{number} in {escape_text(line.function, LONGEST)} ({line.share:.0%})"
