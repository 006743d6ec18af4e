"""Throughput against the number of threads: medians, confidence intervals and verdicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import comb
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.audit.auditing import count_cores
from inspector.audit.child import Child, ChildEnded
from inspector.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Point",
    "Scale",
    "Scaling",
    "Spread",
    "Traffic",
    "compare_rounds",
    "doubt_on_busy_machine",
    "find_spread",
    "measure_scaling",
]

CONFIDENCE: Final = 0.95

SCALES: Final = 0.8
"""Share of perfect scaling (twice the threads, twice the calls) that is called ``scales``."""

HELD_BACK: Final = frozenset({"loses", "gains"})
"""Verdicts on which the threads are watched to find out why."""

WATCH_SECONDS: Final = 2.0
LEAD_SECONDS: Final = 2.0
"""That attaching and the first look take before the threads are watched, at most."""

ROUND_SECONDS: Final = 60.0
"""Seconds that one run may take longer than planned."""


class Spread(NamedTuple):
    """A median (``middle``) with its 95 % confidence interval.

    With fewer than six numbers the interval is from the lowest to the highest, and its
    confidence is less.
    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Traffic:
    """Where an expression counts references to one type, with the judge's verdict."""

    threads: int
    type: str
    """``module.qualname``."""
    header: float
    """References per call that are counted in the header, signed."""
    contributed: float
    """References per call that threads count in their arrays, signed."""
    verdict: str | None = None
    """This and the next two are the JSON form of the judgement."""
    evidence: Mapping[str, Any] | None = None
    advice: str | None = None


@dataclass(frozen=True)
class Point:
    """The throughput of one expression in one number of threads."""

    threads: int
    throughput: Spread
    """Calls per second of all threads together."""
    ratio: Spread
    """Throughput divided by that of the fewest threads in the same round."""
    verdict: str
    """``base`` for the fewest threads, ``scales``, ``gains``, ``loses``; empty if unknown."""
    doubt: str = ""
    """Why the verdict is unknown; else empty."""


@dataclass(frozen=True)
class Scale:
    """The results for one expression."""

    expression: str
    points: tuple[Point, ...]
    """One for each number of threads, in the order in which they were asked for."""
    traffic: tuple[Traffic, ...]
    """The types that the expression counts, for each number of threads."""
    why: tuple[Mapping[str, Any], ...] = ()
    """What keeps its threads apart, as `inspector why` has it, where it does not scale."""


@dataclass(frozen=True)
class Scaling:
    """The results for all expressions, and how they were measured."""

    scales: tuple[Scale, ...]
    cores: int
    """Cores that this process may use."""
    rounds: int
    seconds: float
    """Planned length of a run in one thread."""
    gil_enabled: bool
    control: tuple[Point, ...] = ()
    """An empty loop, measured in between: what this machine allowed just then."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; a spread is ``[low, middle, high]``."""
        return asdict(self)


def measure_scaling(
    expressions: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    tell: Callable[[int, int, str], None],
    watch: Callable[[int, float], Sequence[Mapping[str, Any]]] | None = None,
) -> Scaling:
    """Measure expressions in several numbers of threads, in a process apart.

    ``threads`` begins with the number that the others are compared with; ``seconds`` is the
    planned length of a run in one thread.  Calls ``tell`` with the runs done, all runs, and
    the expression.  ``watch`` is called with the process and seconds while it runs an expression
    that does not scale, and returns why.

    Raises :class:`ExpressionError` for an expression that fails or blocks.
    """
    rates: dict[tuple[int, int], list[float]] = {}
    traffic: dict[int, tuple[Traffic, ...]] = {}
    request = {
        "do": "rounds",
        "expressions": list(expressions),
        "threads": list(threads),
        "rounds": rounds,
        "seconds": seconds,
    }
    texts = [*expressions, "the control"]
    at, done, all_runs = 0, 0, rounds * len(threads) * len(texts)
    with Child() as child:
        try:
            tell(0, all_runs, expressions[0])
            for answer in child.ask(request, ROUND_SECONDS + seconds * max(threads)):
                if "done" in answer:
                    gil = answer["gil"]
                    break
                at = answer["expression"]
                if "failed" in answer:
                    raise _make_failure(expressions[at], answer["failed"])
                if "traffic" in answer:
                    traffic[at] = tuple(Traffic(**row) for row in answer["traffic"])
                    continue
                per_second = answer["calls"] / answer["nanoseconds"] * 1e9
                rates.setdefault((at, answer["threads"]), []).append(per_second)
                done += 1
                tell(done, all_runs, texts[at])
            control = _make_points(len(expressions), threads, rates)
            scales = []
            for at, text in enumerate(expressions):
                points = _make_points(at, threads, rates, control)
                why: Sequence[Mapping[str, Any]] = ()
                if watch is not None and any(point.verdict in HELD_BACK for point in points):
                    why = _find_why(child, text, max(threads), watch)
                scales.append(Scale(text, points, traffic[at], tuple(why)))
        except ChildEnded as ended:
            raise _make_failure(texts[at], str(ended)) from ended
    return Scaling(tuple(scales), count_cores(), rounds, seconds, gil, control)


def _find_why(
    child: Child,
    text: str,
    threads: int,
    watch: Callable[[int, float], Sequence[Mapping[str, Any]]],
) -> Sequence[Mapping[str, Any]]:
    """Let the process run an expression, and return what ``watch`` sees meanwhile."""
    request = {
        "do": "spin",
        "expression": text,
        "threads": threads,
        "seconds": WATCH_SECONDS + LEAD_SECONDS,
    }
    found: Sequence[Mapping[str, Any]] = ()
    for answer in child.ask(request, ROUND_SECONDS):
        if "done" in answer:
            break
        found = watch(child.pid, WATCH_SECONDS)
    return found


def _make_failure(expression: str, why: str) -> ExpressionError:
    return ExpressionError(
        f"{expression!r} cannot be measured: {why}",
        expression=expression,
        hint="it is evaluated again and again, in several threads at once; modules that it "
        "names are imported, nothing else is defined",
    )


def _make_points(
    expression: int,
    threads: Sequence[int],
    rates: Mapping[tuple[int, int], list[float]],
    control: Sequence[Point] = (),
) -> tuple[Point, ...]:
    fewest, cores = threads[0], count_cores()
    points = []
    for place, number in enumerate(threads):
        here, first = rates[expression, number], rates[expression, fewest]
        point = compare_rounds(number, here, first, fewest, cores)
        points.append(doubt_on_busy_machine(point, control[place], fewest) if control else point)
    return tuple(points)


def doubt_on_busy_machine(point: Point, control: Point, fewest: int) -> Point:
    """Return the point, without its conclusion if the machine was too busy to draw one.

    Where the control did not scale either, other programs took the processors.  An expression
    that does clearly worse than the control is held back by something else as well.
    """
    best = point.threads / fewest
    if point.verdict in ("base", "") or control.ratio.middle >= SCALES * best:
        return point
    if point.ratio.high < SCALES * control.ratio.low:
        return point
    doubt = (
        f"an empty loop reaches {control.ratio.middle:.2f} of {best:g} only: the machine is busy "
        "with something else"
    )
    return replace(point, verdict="", doubt=doubt)


def compare_rounds(
    threads: int, here: Sequence[float], first: Sequence[float], fewest: int, cores: int
) -> Point:
    """Return the point for ``threads`` threads.

    ``here`` and ``first`` are the calls per second in each round, in these threads and in the
    ``fewest``.  There is no conclusion for more threads than cores, or when the interval of
    the ratio contains 1.
    """
    throughput = find_spread(here)
    ratio = find_spread([rate / base for rate, base in zip(here, first, strict=True)])
    if threads == fewest:
        return Point(threads, throughput, ratio, "base")
    if threads > cores:
        doubt = f"{cores} core{'s' * (cores > 1)} for {threads} threads"
        return Point(threads, throughput, ratio, "", doubt)
    if ratio.low <= 1 <= ratio.high:
        doubt = f"the spread, {ratio.low:.2f} to {ratio.high:.2f}, is wider than the effect"
        return Point(threads, throughput, ratio, "", doubt)
    if ratio.high < 1:
        return Point(threads, throughput, ratio, "loses")
    best = threads / fewest
    return Point(threads, throughput, ratio, "scales" if ratio.middle >= SCALES * best else "gains")


def find_spread(numbers: Sequence[float]) -> Spread:
    """Return the median and its bounds.

    The bounds are order statistics: the true median is as likely above a number as
    below it, whatever the distribution.
    """
    ordered, count = sorted(numbers), len(numbers)
    left_out, outside = 0, 2 * comb(count, 0) / 2**count
    while 2 * (left_out + 1) < count:
        outside += 2 * comb(count, left_out + 1) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        left_out += 1
    return Spread(ordered[left_out], median(ordered), ordered[-1 - left_out])
