from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inspector.census.history import FRAMES
from inspector.census.verdict import Verdict
from tests.screen.builder import SECOND, history, interpreter, row, snapshot, unread

if TYPE_CHECKING:
    from inspector.census.snapshot import ObjectCount, Snapshot
    from inspector.census.verdict import Judgement


def at(
    second: float, *rows: ObjectCount, collections: int = 3, threads: tuple[int, ...] = (1, 2)
) -> Snapshot:
    named = ((number, f"worker-{number}") for number in threads)
    each = interpreter(*named, collections=collections)
    return snapshot(*rows, interpreters=(each,), taken_ns=int(second * SECOND))


def test_a_rate_is_growth_per_second_over_the_last_five_seconds() -> None:
    rows = [row("app.Order", local=10 * number) for number in range(20)]
    whole = history(*(at(number / 2, each) for number, each in enumerate(rows)))
    assert whole.rate(rows[-1]) == pytest.approx(20)
    assert whole.growth(rows[-1]) == 190


def test_a_collection_moves_contributions_and_is_no_change() -> None:
    before = row("app.Order", contributions={1: 500, 2: -100})
    after = row("app.Order", shared=400)
    whole = history(at(0, before), at(1, before), at(2, after, collections=4))
    assert whole.growth(after) == 0
    assert whole.rate(after) == 0
    assert whole.heat(after) == 0
    assert whole.collected == 1


def test_a_header_that_moves_without_a_collection_is_heat() -> None:
    rows = [row("re.Match", shared=-number // 2, contributions={1: number}) for number in range(5)]
    whole = history(*(at(number, each) for number, each in enumerate(rows)))
    assert whole.heat(rows[-1]) == 0.5
    hot = [row("re.Match", shared=-number, contributions={1: number}) for number in range(6)]
    whole = history(*(at(number, each) for number, each in enumerate(hot)))
    assert whole.heat(hot[-1]) == 1
    # One reference between two readings moves it, too.
    assert whole.verdict(hot[-1]) is None
    evidence = whole.evidence(hot[-1])
    assert (evidence.samples, evidence.moved) == (5, 5)


def test_a_thread_that_ends_is_counted() -> None:
    whole = history(at(0), at(1, threads=(1,)), at(2, threads=(1, 3)), at(3, threads=(3,)))
    assert whole.flows.ended == 2


def test_growth_of_a_new_object_is_its_total() -> None:
    order, line = row("app.Order", local=3), row("app.Line", local=7)
    whole = history(at(0, order), at(1, order, line))
    assert whole.growth(line) == 7
    assert whole.is_new(line)
    assert whole.verdict(line) is None
    assert whole.churn == (1.0, 0.0)
    assert whole.rebased().growth(line) == 0


def test_another_object_at_the_address_of_a_dead_one_is_another() -> None:
    order, line = row("app.Order", local=30, address=64), row("app.Line", local=7, address=64)
    whole = history(at(0, order), at(1, line))
    assert whole.growth(line) == 7
    assert whole.totals(line) == [None, 7]


def test_what_could_not_be_read_is_unknown_and_not_zero() -> None:
    order = row("app.Order", local=5)
    whole = history(at(0, order), at(1, unread("app.Order")))
    gone = whole.latest["app.Order"]
    assert whole.growth(gone) is None
    assert whole.rate(gone) is None
    assert whole.heat(gone) is None
    assert whole.totals(gone) == [5, None]


def test_stacks_that_were_not_read_both_times_are_left_out_of_growth() -> None:
    seen, unseen = row("app.Order", local=5, deferred=9), row("app.Order", local=6)
    assert history(at(0, seen), at(1, unseen)).growth(unseen) == 1
    more = row("app.Order", local=6, deferred=11)
    assert history(at(0, seen), at(1, more)).growth(more) == 3


def test_totals_that_rise_nearly_all_the_time_are_growing() -> None:
    def judged(*totals: int) -> Judgement | None:
        rows = [row("app.Order", local=total) for total in totals]
        return history(*(at(number, each) for number, each in enumerate(rows))).verdict(rows[-1])

    growing = judged(10, 20, 30, 40, 50)
    assert growing is not None
    assert growing.verdict is Verdict.GROWING
    assert (growing.evidence.total, growing.evidence.seconds) == (40, 4)
    assert judged(50, 40, 30, 20, 10) is None
    assert judged(10, 20, 10, 20, 10, 20) is None
    assert judged(10, 20) is None


def test_a_history_keeps_no_more_than_its_frames() -> None:
    rows = [row("app.Order", local=number) for number in range(3 * FRAMES)]
    whole = history(*(at(number, each) for number, each in enumerate(rows)))
    assert len(whole.frames) == FRAMES
    assert whole.growth(rows[-1]) == 3 * FRAMES - 1
