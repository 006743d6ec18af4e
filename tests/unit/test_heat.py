"""The share of samples in which a header moved, and how sure that is."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from inspector.census.heat import SURE, Heat, Sampled
from inspector.census.history import History
from inspector.census.verdict import Verdict
from tests.screen.builder import row, snapshot


def test_the_bounds_are_those_of_wilsons_score() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    assert Heat(81, 263).bounds == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Heat(0, 20).bounds == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Heat(20, 20).bounds == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_the_bounds_are_those_that_95_percent_lie_within() -> None:
    assert pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-12) == SURE


def test_without_samples_nothing_is_known() -> None:
    assert Heat(0, 0).share is None
    assert Heat(0, 0).bounds == (0.0, 1.0)


def test_samples_replace_what_readings_say_of_a_header() -> None:
    order, line = row("app.Order", local=10), row("app.Line", local=7)
    later = row("app.Order", local=10, shared=-1)
    history = History.begin(snapshot(order, line, taken_ns=0))
    assert history.heat(order) is None
    sampled = Sampled({(0, order.address, order.name): 0}, [90], 120)
    history = history.add(snapshot(later, line, taken_ns=10**9), sampled)
    assert history.heat(later) == 0.75
    # It was not among those that were sampled.
    assert history.heat(line) is None
    judged = history.verdict(later)
    assert judged is not None
    assert judged.verdict is Verdict.HOT_HEADER
    assert (judged.evidence.samples, judged.evidence.moved) == (120, 90)


def test_few_samples_make_no_header_hot() -> None:
    order = row("app.Order", local=10)
    history = History.begin(snapshot(order, taken_ns=0))
    sampled = Sampled({(0, order.address, order.name): 0}, [90], 90)
    assert history.add(snapshot(order, taken_ns=10**9), sampled).verdict(order) is None


@pytest.mark.parametrize("samples", range(1, 2000, 7))
def test_the_bounds_hold_the_share_at_either_end(samples: int) -> None:
    assert Heat(0, samples).bounds[0] == 0
    assert Heat(samples, samples).bounds[1] == 1
