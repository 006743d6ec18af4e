"""How often the heap is read beside the counts, and what is told where it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.errors import LayoutError, Unsettled
from inspector.reader import heap_pace
from inspector.reader.heap_pace import HeapPace
from inspector.reader.heap_target import HeapTarget
from tests.screen.builder import heap, row, snapshot, use

if TYPE_CHECKING:
    import pytest

    from inspector.snapshots.heap import Histogram
    from inspector.snapshots.snapshot import Snapshot

COUNTED = snapshot(row("app.Order", local=3))
WHOLE = heap(1, use("app.Order", 7))


class FakeTarget(HeapTarget):
    """A target whose heap is what each call is told to give, and that says how it was asked."""

    def __init__(self, *answers: Histogram | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[bool, float]] = []

    def histogram(
        self, *, blocking: bool = False, pause_limit: float = 1.0, memory: int = 0
    ) -> Histogram:
        del memory
        self.asked.append((blocking, pause_limit))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    """Stands for :mod:`time`; a reading of the heap takes some processor time of it."""

    def __init__(self, cost: float) -> None:
        self.now = 100.0
        self._used = 0.0
        self._cost = cost

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        self._used += self._cost / 2
        return self._used


def heaps_at(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], *, cost: float, least: float
) -> list[bool]:
    """Return whether the heap was read at some times."""
    clock = Clock(2 * cost)
    monkeypatch.setattr(heap_pace, "time", clock)
    target = FakeTarget(*[WHOLE] * len(seconds))
    pace = HeapPace(target, blocking=False, pause_limit=1.0, least=least)
    found = []
    for second in seconds:
        clock.now = 100.0 + second
        found.append(pace.add_heap(COUNTED).heap is not None)
    return found


def test_the_heap_is_read_no_more_often_than_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = [0, 0.25, 1, 2, 2.25, 4.5]
    assert heaps_at(monkeypatch, seconds, cost=0.0, least=2.0) == [
        *(True, False, False, True, False, True)
    ]


def test_a_heap_that_takes_long_is_read_a_tenth_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert heaps_at(monkeypatch, [0, 2, 4.9, 5.1], cost=0.5, least=2.0) == [
        *(True, False, False, True)
    ]


def test_counts_go_on_where_the_heap_is_not_understood() -> None:
    unknown = LayoutError("mi_page_t.used", expected="one place", found="three")
    target = FakeTarget(unknown, WHOLE)
    pace = HeapPace(target, blocking=False, pause_limit=1.0)
    first, second = (pace.add_heap(COUNTED) for _ in range(2))
    assert (first.heap, first.why_no_heap) == (None, str(unknown))
    assert first.rows == COUNTED.rows
    # It is not asked for again at once.
    assert second == COUNTED
    # A process that was not to be stopped is not stopped for its heap's layout.
    assert target.asked == [(False, 0.0)]


def test_a_heap_that_does_not_fit_into_a_pause_is_estimated() -> None:
    target = FakeTarget(Unsettled("too large", tries=0), WHOLE)
    found: Snapshot = target.add_heap(COUNTED, blocking=True, pause_limit=0.5)
    assert found.heap == WHOLE
    assert target.asked == [(True, 0.5), (False, 0.0)]
