"""What deserves attention in a process, on one page; a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.live import Live
from rich.text import Text

from inspector.analysis.findings import GROWTH_KINDS
from inspector.screen.cells import GAP, cut_to_width, format_compact
from inspector.screen.console import console_for
from inspector.screen.text import (
    STOPPED_BY_SIGNAL,
    escape_text,
    format_count,
    format_plural,
    list_names,
    on_off,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import IO

    from inspector.analysis.findings import Attention
    from inspector.analysis.thread_time import ThreadTime
    from inspector.diagnosis.findings import FirstLook

__all__ = [
    "STYLES",
    "describe_growth",
    "describe_threads",
    "findings_view",
    "list_findings",
    "print_looks",
    "write_progress",
]

MOST: Final = 3
"""Findings that are shown of each question; the page has at most twenty lines."""

LONGEST_COMMAND: Final = 60
LONGEST_NAME: Final = 40
SHORTEST_NAME: Final = 20
WIDEST_KIND: Final = 15
INDENT: Final = " " * 2
SMALL: Final = 0.05
"""Threads that are not worth a word."""

STYLES: Final = {
    "over-decref": "bold red",
    "leaking": "bold red",
    "growing": "bold red",
    "stop-the-world": "bold yellow",
    "gil": "bold yellow",
    "lock": "bold yellow",
    "object": "bold yellow",
    "type": "yellow",
}


def print_looks(looks: Iterable[FirstLook], stream: IO[str]) -> FirstLook:
    """Print the last look and return it; on a terminal the earlier ones stand there until then."""
    console = console_for(stream)
    if not stream.isatty():
        *_, last = looks
        console.print(findings_view(last, console.width))
        return last
    with Live(console=console, auto_refresh=False) as live:
        for last in looks:
            live.update(findings_view(last, console.width), refresh=True)
    return last


def findings_view(look: FirstLook, width: int) -> Group:
    """Return both questions with their findings, in at most twenty lines of so many cells."""
    growth = [finding for finding in look.findings if finding.kind in GROWTH_KINDS]
    apart = [finding for finding in look.findings if finding.kind not in GROWTH_KINDS]
    pid = look.target.pid
    lines = [_write_heading(look), write_progress(look), Text("")]
    lines.append(Text(f"What grows: {describe_growth(look, growth)}", "bold"))
    lines += list_findings(growth, f"inspector histo {pid}", width)
    lines.append(Text(""))
    lines.append(Text(f"What keeps threads apart: {describe_threads(look, apart)}", "bold"))
    lines += list_findings(apart, f"inspector why {pid}", width)
    if look.ended:
        lines.append(Text("the process ended", "bold red"))
    elif look.parallelism is not None and look.parallelism.stopped_by_signal:
        lines.append(Text(STOPPED_BY_SIGNAL.format(pid), "bold red"))
    return Group(*(_cut_line(line, width) for line in lines))


def _cut_line(line: Text, width: int) -> Text:
    """Return a line that is not broken; its end gives way."""
    line.no_wrap = True
    line.truncate(width, overflow="ellipsis")
    return line


def _write_heading(look: FirstLook) -> Text:
    """Return which process was watched."""
    target = look.target
    facts = [
        "inspector",
        f"pid {target.pid}",
        escape_text(target.command, LONGEST_COMMAND),
        f"Python {target.version} GIL {on_off(target.gil_enabled)}",
        format_plural(look.threads, "thread"),
    ]
    return Text(" · ".join(filter(None, facts)), "bold")


def write_progress(look: FirstLook) -> Text:
    """Return how long it was watched, and how large it is."""
    facts = [f"{look.seconds:.1f} s" + ("" if look.final else " so far, not final yet")]
    if look.rss is not None:
        facts.append(f"RSS {format_compact(look.rss)}B")
    if look.objects is not None:
        facts.append(f"{format_count(look.objects)} objects")
    if look.collections is not None:
        facts.append(format_plural(look.collections, "collection"))
    if look.final and not look.lost_searched:
        facts.append("leaks proved by --blocking")
    return Text(" · ".join(facts), "dim")


def describe_growth(look: FirstLook, growth: Sequence[Attention]) -> str:
    """Answer the first question in one line."""
    if growth:
        garbage = "; no collection ran, so some may be garbage" if look.collections == 0 else ""
        return f"{format_plural(len(growth), 'type')}{garbage}"
    if "heap" in look.unread:
        return f"? ({escape_text(look.unread['heap'])})"
    if look.rising:
        names = [f"{escape_text(use.name, 60)} +{use.more:,}" for use in look.rising[:MOST]]
        more = f"; {list_names(names)}" if names else ""
        return f"too few readings to tell yet{more}"
    return "nothing was seen to"


def describe_threads(look: FirstLook, apart: Sequence[Attention]) -> str:
    """Answer the second question in one line."""
    seen = look.parallelism
    if seen is None:
        return f"? ({escape_text(look.unread['threads'])})"
    time = seen.threads
    parts = [] if apart else ["nothing was seen to"]
    parts.append(f"{time.running:.1f} of {time.number:.1f} threads run")
    waits = _name_waits(time)
    if waits:
        parts.append(waits)
    if seen.processors_used is not None:
        of = "?" if seen.processors is None else f"{seen.processors:g}"
        parts.append(f"{seen.processors_used:.1f} of {of} CPUs used")
    return ", ".join(parts)


def _name_waits(time: ThreadTime) -> str:
    """Say what most of the threads that do not run wait for."""
    waits = (
        (time.stopped, "for a stopped world"),
        (time.locked, "for locks"),
        (time.gil, "for the GIL"),
        (time.work, "for something to do"),
        (time.system, "in system calls"),
    )
    number, what = max(waits)
    return f"{number:.1f} wait {what}" if number >= SMALL else ""


def list_findings(
    findings: Sequence[Attention], command: str, width: int, *, most: int = MOST
) -> list[Text]:
    """Return two lines for each finding, and one for those that there is no room for."""
    shown = findings[:most]
    room = width - len(INDENT) - WIDEST_KIND - GAP
    longest = max((len(finding.text) for finding in shown), default=0)
    room = max(SHORTEST_NAME, min(room - longest, LONGEST_NAME))
    names = [cut_to_width(escape_text(finding.name), room) for finding in shown]
    widest = max((cell_len(name) for name in names), default=0)
    lines = []
    for finding, name in zip(shown, names, strict=True):
        line = Text(INDENT)
        line.append(f"{finding.kind:<{WIDEST_KIND}}", STYLES[finding.kind])
        line.append(f"{set_cell_size(name, widest)}{' ' * GAP}{finding.text}")
        lines += [line, _write_way(finding, width)]
    if len(findings) > most:
        lines.append(Text(f"{INDENT}and {len(findings) - most:,} more: {command}", "dim"))
    return lines


def _write_way(finding: Attention, width: int) -> Text:
    """Return where it happens, as far as there is room, and the command that goes deeper."""
    way = Text(INDENT + " " * WIDEST_KIND)
    command = escape_text(finding.command)
    if finding.lines:
        first = finding.lines[0]
        number = "?" if first.line is None else first.line
        end = f":{number} in {escape_text(first.function, LONGEST_NAME)}"
        file = escape_text(first.file)
        room = width - cell_len(way.plain) - cell_len(end) - GAP - cell_len(command)
        if cell_len(file) > room > 1:
            # The end of a path tells more than its beginning.
            file = f"…{file[1 - room :]}"
        if room > 1:
            way.append(f"{file}{end}{' ' * GAP}")
    way.append(command, "dim")
    return way
