"""The share of samples in which a header moved, how sure that is, and what it comes to."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from inspector.analysis.history import History
from inspector.snapshots.header_samples import HeaderSamples
from inspector.verdict.evidence import Verdict
from inspector.verdict.share import DEVIATIONS, Share
from tests.screen.builder import row, snapshot


def test_the_bounds_are_those_of_wilsons_score() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Share(20, 20).interval == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_the_bounds_are_those_that_95_percent_lie_within() -> None:
    assert pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-12) == DEVIATIONS


def test_without_samples_nothing_is_known() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval == (0.0, 1.0)


def test_samples_are_told_with_their_time_and_apart_from_readings() -> None:
    order, line = row("app.Order", local=10), row("app.Line", local=7)
    later = row("app.Order", local=10, shared=-1)
    history = History.begin(snapshot(order, line, taken_ns=0))
    assert history.share(order).value is None
    sampled = HeaderSamples({(0, order.address, order.name): 0}, [90], 120, seconds=0.5)
    history = history.add(snapshot(later, line, taken_ns=10**9), sampled)
    assert history.share(later).value == 0.75
    # It was not among those that were sampled.
    assert history.share(line).value is None
    judged = history.verdict(later)
    assert judged is not None
    assert judged.verdict is Verdict.HOT_HEADER
    evidence = judged.evidence
    assert (evidence.samples, evidence.moved, evidence.sampled_seconds) == (120, 90, 0.5)
    assert (evidence.steps, evidence.shifted) == (1, 1)
    assert evidence.updates_per_second == history.updates(later) == 180


def test_few_samples_make_no_header_hot() -> None:
    order = row("app.Order", local=10)
    history = History.begin(snapshot(order, taken_ns=0))
    sampled = HeaderSamples({(0, order.address, order.name): 0}, [3], 3, seconds=0.05)
    assert history.add(snapshot(order, taken_ns=10**9), sampled).verdict(order) is None


@pytest.mark.parametrize("samples", range(1, 2000, 7))
def test_the_bounds_hold_the_share_at_either_end(samples: int) -> None:
    assert Share(0, samples).interval[0] == 0
    assert Share(samples, samples).interval[1] == 1
