"""What deserves attention in a process, the worst first: what grows, what keeps threads apart.

Pure: readings go in, findings come out.  The page of ``inspector PID`` and a dashboard show
the same values.
"""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.analysis.history import is_rising
from inspector.analysis.leak_growth import judge_orphans, judge_type
from inspector.verdict.evidence import Verdict
from inspector.verdict.judge import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.analysis.history import History
    from inspector.analysis.thread_time import Finding, LineShare
    from inspector.snapshots.heap import Histogram
    from inspector.snapshots.leaks import Leaks

    Key = tuple[int | None, int, str]
    """Interpreter, address and name of a type."""

__all__ = ["GROWTH_KINDS", "KINDS", "Attention", "TypeTrend", "find_attention", "find_trends"]

KINDS: Final = (
    "over-decref",
    "leaking",
    "growing",
    "stop-the-world",
    "gil",
    "lock",
    "object",
    "type",
)
"""What a finding may be, the most severe first."""

GROWTH_KINDS: Final = ("over-decref", "leaking", "growing")
"""Findings about what grows and what is lost; the others are about threads."""

MORE_BYTES: Final = 4096
"""Bytes that a type must take more after a step before that is growth: one page."""

FEWEST_STEPS: Final = 2
EVEN: Final = 0.15
"""Of few steps, the smallest must be this part of the largest."""

ALIKE: Final = 0.1
"""Two types grow alike if their growth differs by no more than this part of it."""

LEAST_SHARE: Final = 0.01
"""Of the threads' time; what costs less is not worth a line."""


LEAST_HEAT: Final = 0.1
"""Likewise of samples in which a count had changed."""


class TypeTrend(NamedTuple):
    """How the instances of a type changed over several readings of the heap."""

    name: str
    address: int
    interpreter: int | None
    instances: int
    """In the latest reading."""
    more: int
    """Instances more than in the first reading."""
    more_bytes: int
    """Likewise of bytes, with what hangs on the instances."""
    rising: bool | None
    """Whether instances or bytes rose lastingly; None where there are too few readings to tell."""

    @property
    def is_builtin(self) -> bool:
        """Whether the type is one of ``builtins``, whose name tells little."""
        return self.name.startswith("builtins.")


class Attention(NamedTuple):
    """One finding that deserves attention."""

    kind: str
    """One of :data:`KINDS`."""
    name: str
    """What it is about: a type, a lock, an object; empty for the process as a whole."""
    text: str
    """What was seen, in a few words and without the name."""
    share: float | None
    """Of the threads' time that it costs; None for what grows, or where that is unknown."""
    rate: float | None
    """Instances or references more per second; None for what keeps threads apart."""
    lines: tuple[LineShare, ...]
    """Where threads wait, or who asks for stops; the most frequent first."""
    command: str
    """The command line that goes deeper."""

    @property
    def subject(self) -> str:
        """The name without what was measured, which is another number each time."""
        return self.name.partition(": ")[0]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self._asdict(), "lines": [line._asdict() for line in self.lines]}


def find_trends(readings: Sequence[Histogram]) -> list[TypeTrend]:
    """Return the types with more instances or bytes than in the first of these readings.

    Types of the program come before built-in ones, and the largest growth in bytes first.
    """
    uses: dict[Key, list[tuple[int, int]]] = {}
    for number, histogram in enumerate(readings):
        for use in histogram.types:
            series = uses.setdefault(use.key, [(0, 0)] * number)
            series.append((use.instances, use.size))
        for series in uses.values():
            if len(series) == number:  # the type is gone
                series.append((0, 0))
    times = [histogram.taken_ns for histogram in readings]
    trends = []
    for (interpreter, address, name), series in uses.items():
        instances = [each[0] for each in series]
        sizes = [each[1] for each in series]
        more, more_bytes = instances[-1] - instances[0], sizes[-1] - sizes[0]
        if more < ENOUGH and more_bytes <= 0:
            continue
        rising = _is_steady_rise(instances, times, ENOUGH)
        if not rising and more_bytes > 0 and more >= 0:
            rising = _is_steady_rise(sizes, times, MORE_BYTES) or rising
        trends.append(
            TypeTrend(name, address, interpreter, instances[-1], more, more_bytes, rising)
        )
    trends.sort(key=lambda trend: (trend.is_builtin, -trend.more_bytes, -trend.more, trend.name))
    return trends


def _is_steady_rise(series: Sequence[int], times: Sequence[int], least: int) -> bool | None:
    """Whether numbers rise lastingly; None where that cannot be told.

    A large heap is read a few times only: then each step has to be a rise of at least
    ``least``, and none much slower than another.
    """
    steps = [after - before for before, after in pairwise(series)]
    if FEWEST_STEPS <= len(steps) < ENOUGH and min(steps) >= least:
        rates = []
        for step, (begin, end) in zip(steps, pairwise(times), strict=True):
            rates.append(step / max(end - begin, 1))
        if min(rates) >= EVEN * max(rates):
            return True
    return is_rising(series)


def find_attention(
    pid: int,
    seconds: float,
    *,
    trends: Sequence[TypeTrend] = (),
    history: History | None = None,
    leaks: Leaks | None = None,
    delays: Sequence[Finding] = (),
) -> tuple[Attention, ...]:
    """Return what deserves attention, by kind in the order of :data:`KINDS`.

    ``trends`` and ``history`` are of ``seconds``; ``leaks`` is compared with a reading before;
    ``delays`` is what keeps threads apart.
    """
    found = [] if leaks is None else _find_leaks(leaks, pid)
    growing = [trend for trend in trends if trend.rising]
    for trend, parts in _join_parts(growing):
        found.append(_describe_growth(trend, parts, pid, seconds))
    if history is not None:
        found += _find_lost_references(history, pid)
    for delay in delays:
        if _is_worth_a_line(delay):
            found.append(_describe_delay(delay, pid))
    found.sort(key=lambda each: KINDS.index(each.kind))
    return tuple(found)


def _join_parts(growing: Sequence[TypeTrend]) -> list[tuple[TypeTrend, list[str]]]:
    """Return types with the built-in types that grow exactly as they do: parts of them.

    An instance that has a dictionary and a list grows as three types.
    """
    found: list[tuple[TypeTrend, list[str]]] = []
    for trend in growing:
        whole = None
        if trend.is_builtin:
            for other, parts in found:
                if abs(other.more - trend.more) <= ALIKE * other.more and not other.is_builtin:
                    whole = parts
                    break
        if whole is None:
            found.append((trend, []))
        else:
            whole.append(trend.name.removeprefix("builtins."))
    return found


def _describe_growth(
    trend: TypeTrend, with_parts: Sequence[str], pid: int, seconds: float
) -> Attention:
    """Return the finding on a type with ever more instances, or ever larger ones."""
    rate = trend.more / seconds
    parts = []
    if trend.more > 0:
        parts.append(f"+{_format_rate(rate)} instances/s")
    if trend.more_bytes > 0:
        parts.append(f"+{_format_bytes(trend.more_bytes / seconds)}/s")
    parts.append(f"{trend.instances:,} now")
    if with_parts:
        parts.append(f"with as many of {', '.join(with_parts)}")
    return Attention(
        "growing",
        trend.name,
        ", ".join(parts),
        None,
        rate,
        (),
        _make_command("holders", trend.name, pid),
    )


def _find_leaks(leaks: Leaks, pid: int) -> list[Attention]:
    """Return types and groups of objects of which native code loses ever more references."""
    found = []
    command = _make_command("leaks", pid, "--blocking", "--interval", 5)
    seconds = leaks.seconds or 1.0
    for row in leaks.types:
        judged = judge_type(leaks, row)
        if judged is not None:
            rate = (row.growing or 0) / seconds
            text = f"+{_format_rate(rate)} references/s to the type that nothing holds"
            found.append(Attention(judged.verdict, row.name, text, None, rate, (), command))
    for group in leaks.orphans:
        judged = judge_orphans(leaks, group)
        if judged is not None:
            rate = (group.growing or 0) / seconds
            text = f"+{_format_rate(rate)} references/s to instances that nothing holds"
            found.append(Attention(judged.verdict, group.type, text, None, rate, (), command))
    return [each for each in found if each.kind in KINDS]


def _find_lost_references(history: History, pid: int) -> list[Attention]:
    """Return types whose references rise without instances, or fall below what there are."""
    found = []
    for row in history.latest:
        judged = history.verdict(row)
        if judged is None or judged.evidence.seconds is None:
            continue
        rate = (judged.evidence.total or 0) / judged.evidence.seconds
        if judged.verdict in (Verdict.GROWING, Verdict.LEAKING):
            if judged.evidence.instances is None:
                continue  # without the heap nobody knows whether instances explain them
            text = f"+{_format_rate(rate)} references/s that no further instances explain"
            command = _make_command("leaks", pid, "--blocking", "--interval", 5)
        elif judged.verdict is Verdict.OVER_DECREF:
            text = "references are released that were never taken"
            command = _make_command("type", row.name, pid)
        else:
            continue
        found.append(Attention(judged.verdict, row.name, text, None, rate, (), command))
    return found


def _describe_delay(delay: Finding, pid: int) -> Attention:
    """Return the finding on what keeps threads apart."""
    return Attention(
        delay.kind,
        delay.name,
        _describe_cost(delay),
        delay.share,
        None,
        delay.lines,
        _make_command("why", pid),
    )


def _is_worth_a_line(delay: Finding) -> bool:
    """Whether a delay costs enough, or where that is unknown, is seen often enough."""
    if delay.share is not None:
        return delay.share >= LEAST_SHARE
    return delay.heat is None or delay.heat >= LEAST_HEAT


def _describe_cost(delay: Finding) -> str:
    """Say what a delay costs, and whom."""
    threads = f"{delay.threads} thread{'' if delay.threads == 1 else 's'}"
    if delay.share is None:
        often = "" if delay.heat is None else f"updated in {delay.heat:.0%} of samples by "
        return f"{often}{threads}"
    cost = f"{delay.share:.0%} of the threads' time"
    return f"{cost}, {threads}" if delay.threads else cost


def _make_command(*words: object) -> str:
    return shlex.join(["inspector", *map(str, words)])


def _format_rate(rate: float) -> str:
    """Return a number per second, with a digit after the point where it is small."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004 - two digits


def _format_bytes(number: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:  # noqa: PLR2004 - a thousand of each is one of the next
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"
