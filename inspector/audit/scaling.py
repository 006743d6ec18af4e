"""Throughput against threads: what several rounds of runs say, and what they do not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    "find_spread",
    "measure_scaling",
]

CONFIDENCE: Final = 0.95

SCALES: Final = 0.8
"""Of what as many threads could do at best: from here on it is called scaling."""

ROUND_SECONDS: Final = 60.0
"""That one run may take, beside its own length."""


class Spread(NamedTuple):
    """A median, and the bounds that the true one lies between with 95 % confidence.

    With fewer than six numbers they are the lowest and the highest, and promise less.
    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Traffic:
    """What one type's count does per call."""

    threads: int
    type: str
    header: float
    """References per call that are counted in the header, signed."""
    contributed: float
    """References per call that threads count in their arrays, signed."""
    verdict: str | None = None
    evidence: Mapping[str, Any] | None = None
    advice: str | None = None
    """What the judge says of it, as its JSON has it."""


@dataclass(frozen=True)
class Point:
    """One expression in so many threads."""

    threads: int
    throughput: Spread
    """Calls per second, of all threads together."""
    ratio: Spread
    """To the fewest threads, of runs of one round."""
    verdict: str
    """``base``, ``scales``, ``gains``, ``loses``, or ``""``: no conclusion."""
    doubt: str = ""
    """Why there is no conclusion."""


@dataclass(frozen=True)
class Scale:
    """One expression."""

    expression: str
    points: tuple[Point, ...]
    traffic: tuple[Traffic, ...]


@dataclass(frozen=True)
class Scaling:
    """All expressions, measured in turns."""

    scales: tuple[Scale, ...]
    cores: int
    rounds: int
    seconds: float
    """That a run in one thread was meant to take."""
    gil_enabled: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; spreads are low, middle and high."""
        return asdict(self)


def measure_scaling(
    expressions: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    tell: Callable[[int, int, str], None],
) -> Scaling:
    """Measure; raise :class:`ExpressionError` for an expression that fails or blocks.

    ``tell`` hears how many runs are done, of how many, and the expression.
    """
    times: dict[tuple[int, int], list[float]] = {}
    traffic: dict[int, tuple[Traffic, ...]] = {}
    request = {
        "do": "rounds",
        "expressions": list(expressions),
        "threads": list(threads),
        "rounds": rounds,
        "seconds": seconds,
    }
    at, done, all_runs = 0, 0, rounds * len(threads) * len(expressions)
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
                each = answer["calls"] / answer["nanoseconds"] * 1e9
                times.setdefault((at, answer["threads"]), []).append(each)
                done += 1
                tell(done, all_runs, expressions[at])
        except ChildEnded as ended:
            raise _make_failure(expressions[at], str(ended)) from ended
    scales = tuple(
        Scale(text, _make_points(number, threads, times), traffic[number])
        for number, text in enumerate(expressions)
    )
    return Scaling(scales, count_cores(), rounds, seconds, gil)


def _make_failure(expression: str, why: str) -> ExpressionError:
    return ExpressionError(
        f"{expression!r} cannot be measured: {why}",
        expression=expression,
        hint="it is evaluated again and again, in several threads at once; modules that it "
        "names are imported, nothing else is defined",
    )


def _make_points(
    number: int, threads: Sequence[int], times: Mapping[tuple[int, int], list[float]]
) -> tuple[Point, ...]:
    first = times[number, threads[0]]
    return tuple(
        compare_rounds(n, times[number, n], first, threads[0], count_cores()) for n in threads
    )


def compare_rounds(
    threads: int, here: Sequence[float], first: Sequence[float], fewest: int, cores: int
) -> Point:
    """Return what the throughputs of the rounds say, beside those of the ``fewest`` threads."""
    throughput = find_spread(here)
    ratio = find_spread([each / base for each, base in zip(here, first, strict=True)])
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
