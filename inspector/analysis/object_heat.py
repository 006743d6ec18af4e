"""Objects and types whose reference counts threads change side by side, from samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.analysis.thread_time import COMMON_LINES, Finding, LineShare, order_findings
from inspector.snapshots.thread_sample import ATTACHED
from inspector.verdict.advice import advise_on_object
from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.snapshots.thread_sample import CodeLocation, ThreadSample
    from inspector.verdict.judge import Judgement

__all__ = ["HeatTally", "HotObject", "find_hot_objects", "find_hot_types"]

LEAST_HEAT: Final = 0.01
LEAST_MOVES: Final = 8
"""Samples in which a count changed before anything is said of an object."""

ENOUGH_CLOSE: Final = 12
"""Samples in which a count changed while frames were read: from so many on, only these tell
lines."""

TAKES_PART: Final = 0.1
"""Share of the samples that a thread must be in to be one that uses an object."""

LEAST_RATE: Final = 1000.0
"""Updates per second of a type's header below which it costs nothing: each takes a microsecond."""

MOST_FINDINGS: Final = 10

SHARED_VERDICTS: Final = frozenset({Verdict.PLAIN_DECREF, Verdict.HOT_HEADER, Verdict.NO_UNIQUE_ID})
"""Verdicts on types that say that threads may contend for a header."""


@dataclass
class LineTally:
    """Which threads were on CPU at which lines in some samples."""

    samples: int = 0
    lines: Counter[CodeLocation] = field(default_factory=Counter)
    threads: dict[CodeLocation, Counter[int]] = field(default_factory=dict)

    def add(self, running: Mapping[int, CodeLocation]) -> None:
        """Add one sample: native id of a thread -> its line."""
        self.samples += 1
        self.lines.update(set(running.values()))
        for native, location in running.items():
            self.threads.setdefault(location, Counter())[native] += 1


@dataclass
class ObjectTally:
    """What was seen of one object."""

    moved: LineTally = field(default_factory=LineTally)
    close: LineTally = field(default_factory=LineTally)
    local: int = 0
    locked: int = 0

    @property
    def best(self) -> LineTally:
        """The samples that tell most of who changed it."""
        return self.close if self.close.samples >= ENOUGH_CLOSE else self.moved


class HeatTally:
    """Objects whose counts changed, summed up over samples."""

    def __init__(self) -> None:
        self.objects: dict[int, ObjectTally] = {}
        self.samples = 0
        """Samples with headers that could be compared."""
        self._all = LineTally()

    def add(self, sample: ThreadSample) -> None:
        """Add one sample."""
        heat = sample.heat
        if heat is None:
            return
        self.samples += 1
        if not heat.moved and not heat.locked:
            return
        running = {
            view.native_id: view.location
            for view in sample.threads
            if view.state == ATTACHED and view.parked is None and view.location is not None
        }
        self._all.add(running)
        for address in heat.moved:
            self._tally(address).moved.add(running)
        for address in heat.close:
            self._tally(address).close.add(running)
        for address in heat.local:
            self._tally(address).local += 1
        for address in heat.locked:
            self._tally(address).locked += 1

    def _tally(self, address: int) -> ObjectTally:
        return self.objects.setdefault(address, ObjectTally())

    def rank_lines(self, tally: ObjectTally) -> list[CodeLocation]:
        """Return the lines that were on CPU when an object's count changed.

        Lines that are always on CPU say little of this object, and come after those that are
        seen with it more often than with others.
        """
        best, everything = tally.best, self._all
        scores = {}
        for line, number in best.lines.items():
            always = everything.lines[line] / max(everything.samples, 1)
            scores[line] = number / best.samples - always / 2
        return sorted(scores, key=lambda line: -scores[line])[:COMMON_LINES]

    def share_lines(self, tally: ObjectTally) -> tuple[LineShare, ...]:
        """Return these lines with their shares of the samples in which the count changed."""
        best = tally.best
        return tuple(
            LineShare(line.file, line.line, line.function, best.lines[line] / best.samples)
            for line in self.rank_lines(tally)
        )

    def count_threads(self, tally: ObjectTally) -> int:
        """Return how many threads were at these lines often enough to be the ones."""
        best = tally.best
        natives: Counter[int] = Counter()
        for line in self.rank_lines(tally):
            natives.update(best.threads[line])
        return sum(number >= TAKES_PART * best.samples for number in natives.values())


class HotObject(NamedTuple):
    """What is known of an object beside its samples."""

    address: int
    type: str
    path: str
    """How Python code reaches it; empty if that was not found."""
    state: str
    """``mortal``, ``deferred``, ``merged`` or ``immortal``."""
    moved: int
    """Samples in which its count had changed."""
    samples: int


def find_hot_objects(
    tally: HeatTally,
    objects: Iterable[HotObject],
    shares: Mapping[int, float | None],
    version: tuple[int, int],
) -> list[Finding]:
    """Return the objects whose counts at least two threads change.

    ``shares`` are those of processor time, by address.  ``version`` of CPython says which
    advice helps.
    """
    found = []
    for each in objects:
        seen = tally.objects.get(each.address)
        if seen is None or each.moved < LEAST_MOVES or each.moved < LEAST_HEAT * each.samples:
            continue
        threads = tally.count_threads(seen)
        if threads < 2 and not seen.local:  # noqa: PLR2004 - one contends with nobody
            continue
        name = f"{each.type} {each.path or format(each.address, '#x')} ({each.state})"
        if seen.locked:
            name += f", its own lock held in {seen.locked / max(tally.samples, 1):.0%}"
        found.append(
            Finding(
                "object",
                shares.get(each.address),
                name,
                each.type,
                threads + (threads < 2),  # noqa: PLR2004 - its owner is the other one
                0.0,
                tally.share_lines(seen),
                advise_on_object(each.type, each.state, version),
                each.moved / max(each.samples, 1),
            )
        )
    return order_findings(found)[:MOST_FINDINGS]


def find_hot_types(
    tally: HeatTally,
    judged: Sequence[tuple[int, str, Judgement]],
    shares: Mapping[int, float | None],
) -> list[Finding]:
    """Return the types that at least two threads count in one header.

    ``judged`` are (address, name, verdict), ``shares`` those of processor time, by address.
    """
    found = []
    for address, name, judgement in judged:
        evidence = judgement.evidence
        samples, moved = evidence.samples or 0, evidence.moved or 0
        seen = tally.objects.get(address)
        if judgement.verdict not in SHARED_VERDICTS or seen is None or moved < LEAST_MOVES:
            continue
        threads = evidence.threads or tally.count_threads(seen)
        if threads < 2:  # noqa: PLR2004 - one contends with nobody
            continue
        rate = evidence.updates_per_second
        if not shares.get(address) and (rate or 0.0) < LEAST_RATE:
            continue
        found.append(
            Finding(
                "type",
                shares.get(address),
                name + ("" if rate is None else f": at least {rate:,.0f} updates/s"),
                "builtins.type",
                threads,
                0.0,
                tally.share_lines(seen),
                judgement.advice,
                moved / samples if samples else None,
            )
        )
    return order_findings(found)[:MOST_FINDINGS]
