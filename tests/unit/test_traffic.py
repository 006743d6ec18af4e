"""What the numbers of readings come to, and what they are not taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inspector.analysis.traffic import Merges, count_merges
from inspector.verdict.evidence import Verdict
from tests.screen.builder import SECOND, history, interpreter, row, snapshot, unread

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.judge import Judgement


def at(second: int, *rows: ObjectCount, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    """Return a reading; ``changes`` are of its interpreter."""
    each = interpreter((1, "main"), (2, "worker"))._replace(threads_started=2)
    return snapshot(*rows, interpreters=(each._replace(**changes),), taken_ns=second * SECOND)


def judged(*readings: Snapshot) -> Judgement | None:
    """Return the verdict on the only row of some readings."""
    whole = history(*readings)
    (found,) = whole.latest
    return whole.verdict(found)


def steps(count: int = 6, *, header: int = 0, threads: int = 0, **fields: Any) -> list[Snapshot]:  # noqa: ANN401 - any field
    """Return readings of a type; in each step header and arrays move by so much."""
    name = "app.Order"
    fields = {"deallocator": "header", **fields}
    return [
        at(n, row(name, local=100, shared=header * n, contributions={1: threads * n}, **fields))
        for n in range(count)
    ]


def verdict(readings: list[Snapshot]) -> Verdict | None:
    """Return the verdict without its evidence."""
    found = judged(*readings)
    return found and found.verdict


def test_a_header_that_falls_by_what_the_arrays_rise_is_a_plain_decref() -> None:
    found = judged(*steps(header=-10, threads=10))
    assert found is not None
    assert found.verdict is Verdict.PLAIN_DECREF
    evidence = found.evidence
    assert (evidence.header, evidence.contributed, evidence.total) == (-50, 50, 0)
    assert (evidence.seconds, evidence.merges, evidence.deallocator) == (5.0, 0, "header")
    assert (evidence.steps, evidence.step_seconds, evidence.threads) == (5, 5.0, 1)
    # Readings are no samples, but they show that the header moved.
    assert (evidence.samples, evidence.moved, evidence.shifted) == (None, None, 5)
    assert evidence.updates_per_second == 10


@pytest.mark.parametrize("deallocator", ["per thread", None])
def test_the_same_numbers_are_no_plain_decref_where_the_deallocator_counts_per_thread(
    deallocator: str | None,
) -> None:
    assert verdict(steps(header=-10, threads=10, deallocator=deallocator)) is None


def test_arrays_that_move_while_the_header_rests_are_balanced() -> None:
    readings = [
        at(n, row("app.Order", contributions={1: n % 2, 2: 5}, deallocator="per thread"))
        for n in range(6)
    ]
    assert verdict(readings) is Verdict.BALANCED
    assert verdict(steps(deallocator="per thread")) is None


def test_a_total_that_rises_is_growing_whoever_counts_it() -> None:
    assert verdict(steps(threads=3)) is Verdict.GROWING
    assert verdict(steps(header=3)) is Verdict.GROWING


def test_twice_given_back_what_was_taken_is_an_over_decref() -> None:
    assert verdict(steps(header=-20, threads=10)) is Verdict.OVER_DECREF
    # Older instances were freed as well.
    assert verdict(steps(header=-21, threads=10)) is Verdict.PLAIN_DECREF


def test_fewer_references_than_none_are_an_over_decref() -> None:
    below = row("app.Order", shared=-5)
    assert verdict([at(0, below)]) is Verdict.OVER_DECREF
    assert verdict([at(0, below._replace(settled=False))]) is None


def test_without_an_id_and_immortal_are_said_at_once() -> None:
    assert verdict([at(0, row("app.Bound", unique_id=0))]) is Verdict.NO_UNIQUE_ID
    immortal = row("app.Order", state="immortal", unique_id=0)
    assert verdict([at(0, immortal)]) is Verdict.IMMORTAL
    assert verdict([at(0, unread("app.Order")._replace(unique_id=0))]) is None


def test_a_header_that_moves_a_thousand_references_a_second_is_hot() -> None:
    fast, slow = (
        [at(n, row("app.Order", local=9000, shared=-rate * n)) for n in range(6)]
        for rate in (1000, 999)
    )
    assert verdict(fast) is Verdict.HOT_HEADER
    assert verdict(slow) is None


MERGED: list[dict[str, Any]] = [
    {"collections": 4},
    {"threads": interpreter((1, "main")).threads},
    {"threads_started": 3},
    {"threads": tuple(each._replace(finalized=True) for each in interpreter((1, "m")).threads)},
    {"merging": True},
    {"collections": 2},
]


@pytest.mark.parametrize(
    "change", MERGED, ids=["collection", "end", "came and went", "finalized", "merging", "anew"]
)
def test_a_step_with_a_merge_in_it_is_left_out(change: dict[str, Any]) -> None:
    # A hundred are merged; not left out, they were plain references.
    before = row("app.Order", local=100, contributions={1: 100}, deallocator="per thread")
    after = row("app.Order", local=100, shared=100, deallocator="per thread")
    first = at(0, before)
    last = at(1, after, **change)
    assert not count_merges(first, last).none
    whole = history(first, last)
    evidence = whole.evidence(after)
    assert (evidence.header, evidence.samples) == (None, None)
    assert evidence.steps == 0
    # What comes after it counts again.
    clean = last._replace(taken_ns=2 * SECOND)
    whole = whole.add(clean)
    assert whole.traffic.steps == (0 if change.get("merging") else 1)


def test_a_thread_that_came_and_went_between_two_readings_is_noticed() -> None:
    assert count_merges(at(0), at(1, threads_started=3)) == Merges(0, 1, unsure=False)
    more = interpreter((1, "main"), (2, "worker"), (3, "new")).threads
    assert count_merges(at(0), at(1, threads_started=3, threads=more)).none


def test_without_a_count_of_collections_an_array_that_goes_to_zero_tells() -> None:
    types = [row(f"app.Class{n}", address=64 * n, contributions={1: 5}) for n in range(9)]
    merged = [each._replace(contributions={}) for each in types]
    first = at(0, *types, collections=None)
    assert count_merges(first, at(1, *merged, collections=None)).collections == 1
    assert count_merges(first, at(1, *types[:6], *merged[6:], collections=None)).none


def test_what_is_not_known_moves_nothing() -> None:
    readings = steps(header=-10, threads=10)
    hidden = at(3, unread("app.Order"))
    found = judged(*readings[:3], hidden, *readings[4:])
    assert found is not None
    # Two steps before it and one after.
    assert (found.evidence.header, found.evidence.contributed) == (-30, 30)


def test_other_objects_that_come_and_go_do_not_mix_the_numbers_up() -> None:
    other = row("app.Line", local=7)
    readings = [
        at(n, *([other] if n % 2 else []), *each)
        for n, each in enumerate(steps(header=-1, threads=1))
    ]
    whole = history(*readings)
    evidence = whole.evidence(whole.latest["app.Order"])
    assert (evidence.header, evidence.contributed) == (-5, 5)
    assert (evidence.steps, evidence.step_seconds, evidence.shifted) == (5, 5.0, 5)


def test_an_object_has_the_steps_since_it_came() -> None:
    readings = steps(header=-1, threads=1)
    whole = history(
        at(0), at(1), *(each._replace(taken_ns=each.taken_ns + 2 * SECOND) for each in readings)
    )
    evidence = whole.evidence(whole.latest["app.Order"])
    assert (evidence.steps, evidence.step_seconds, evidence.seconds) == (5, 5.0, 7.0)
    assert evidence.updates_per_second == 1


@pytest.mark.parametrize(
    ("readings", "threads"),
    [
        ([{1: 1}, {1: 2}, {1: 3}], 1),
        ([{1: 1}, {1: 1, 2: 1}, {1: 2, 2: 1}], 1),
        ([{1: 1}, {1: 2, 2: 1}, {1: 2, 2: 1}], 2),
        # One gives back what the other one takes: their sum stands still.
        ([{1: 1}, {1: 2, 2: -1}, {1: 2, 2: -1}], 2),
        ([{1: 1, 2: 1}, {1: 1, 2: 1}], None),
    ],
)
def test_threads_are_those_that_move_their_counts_within_one_step(
    readings: list[dict[int, int]], threads: int | None
) -> None:
    whole = history(
        *(at(n, row("app.Order", local=9, contributions=each)) for n, each in enumerate(readings))
    )
    assert whole.evidence(whole.latest["app.Order"]).threads == threads


def test_a_merge_is_no_use_by_threads() -> None:
    before = row("app.Order", local=100, contributions={1: 100, 2: 50})
    after = row("app.Order", local=100, shared=150)
    whole = history(at(0, before), at(1, after, collections=4))
    assert whole.evidence(after).threads is None


def test_a_step_with_a_merge_counts_for_the_total_and_not_for_the_rest() -> None:
    readings = [
        at(n, row("app.Order", local=10 * n, shared=-n), collections=3 + (n > 2)) for n in range(6)
    ]
    whole = history(*readings)
    evidence = whole.evidence(whole.latest["app.Order"])
    assert (evidence.total, evidence.seconds, evidence.merges) == (45, 5.0, 1)
    assert (evidence.header, evidence.steps, evidence.step_seconds) == (36, 4, 4.0)
    assert evidence.updates_per_second == 9
