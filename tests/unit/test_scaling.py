"""What several rounds of runs say about scaling, and where they say nothing."""

from __future__ import annotations

import pytest

from inspector.audit.scaling import Point, compare_rounds, doubt_on_busy_machine, find_spread

STEADY = [10.0] * 9


def test_the_bounds_of_nine_numbers_leave_out_the_lowest_and_the_highest() -> None:
    assert find_spread([5, 1, 9, 3, 7, 2, 8, 4, 6]) == (2, 5, 8)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_bounds_of_fewer_numbers_are_the_lowest_and_the_highest(count: int) -> None:
    numbers = [float(number) for number in range(count)]
    assert find_spread(numbers)[::2] == (numbers[0], numbers[-1])


def test_the_bounds_of_many_numbers_are_close_to_the_median() -> None:
    low, middle, high = find_spread([float(number) for number in range(101)])
    assert (low, middle, high) == (40, 50, 60)


@pytest.mark.parametrize(
    ("there", "verdict"), [(19.0, "scales"), (16.0, "scales"), (13.0, "gains"), (7.0, "loses")]
)
def test_two_threads_are_judged_by_what_they_do_more_than_one(there: float, verdict: str) -> None:
    found = compare_rounds(2, [there] * 9, STEADY, 1, 2)
    assert (found.verdict, found.doubt) == (verdict, "")
    assert found.ratio.middle == there / 10


def test_there_is_no_conclusion_for_more_threads_than_cores() -> None:
    found = compare_rounds(4, [40.0] * 9, STEADY, 1, 2)
    assert (found.verdict, found.doubt) == ("", "2 cores for 4 threads")


def test_there_is_no_conclusion_where_the_spread_is_wider_than_the_effect() -> None:
    found = compare_rounds(2, [8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0], STEADY, 1, 2)
    assert found.ratio.middle > 1
    assert (found.verdict, found.doubt) == (
        "",
        "the spread, 0.90 to 1.50, is wider than the effect",
    )


def test_runs_are_compared_within_their_round() -> None:
    # The machine becomes ten times slower, and two threads stay twice as fast as one.
    first = [100.0, 80.0, 60.0, 40.0, 30.0, 25.0, 20.0, 15.0, 10.0]
    found = compare_rounds(2, [2 * each for each in first], first, 1, 2)
    assert found.verdict == "scales"
    assert found.ratio == (2, 2, 2)


def test_the_fewest_threads_are_what_others_are_compared_with() -> None:
    assert compare_rounds(2, STEADY, STEADY, 2, 4).verdict == "base"
    assert compare_rounds(4, [18.0] * 9, STEADY, 2, 4).verdict == "scales"


def point_of(ratio: float, threads: int = 2) -> Point:
    """Return a point of two threads on two cores."""
    return compare_rounds(threads, [10 * ratio] * 9, STEADY, 1, 2)


@pytest.mark.parametrize(
    ("ratio", "control", "verdict"),
    [
        (1.3, 1.9, "gains"),
        (1.3, 1.4, ""),  # the machine allows no more
        (0.9, 1.0, ""),
        (0.3, 1.0, "loses"),  # much less than the machine allows
        (1.1, 1.5, "gains"),
    ],
)
def test_a_busy_machine_is_told_from_contention_by_the_control(
    ratio: float, control: float, verdict: str
) -> None:
    found = doubt_on_busy_machine(point_of(ratio), point_of(control), 1)
    assert found.verdict == verdict
    assert ("the machine is busy with something else" in found.doubt) == (not verdict)
