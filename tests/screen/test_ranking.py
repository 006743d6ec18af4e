from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from inspector.census.heat import Heat
from inspector.census.interpreter import TargetInfo
from inspector.census.ranking import Ranked, Ranking
from inspector.census.verdict import Evidence, Judgement, Verdict
from inspector.screen.ranking import ranking_view
from tests.screen.builder import row

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = Judgement(Verdict.PLAIN_DECREF, Evidence(header=-500, contributed=500))
HOT = Ranked(row("app.Order"), Heat(900, 1000), -250.0, 250.0, PLAIN)
COLD = Ranked(row("app.Line"), Heat(0, 1000), 0.0, 0.0, None)
UNSEEN = Ranked(row("app.New"), Heat(0, 0), None, None, None)


def ranking(*rows: Ranked, **values: Any) -> Ranking:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "target": TargetInfo(4242, "3.14.7", gil_enabled=False, command="app.py"),
        "threads": 3,
        "seconds": 2.0,
        "samples": 1000,
        "left_out": 0,
        "merges": 0,
        "ended": False,
        "rows": rows,
    }
    return Ranking(**(fields | values))


def lines(
    whole: Ranking, shown: Sequence[Ranked], width: int = 120, *, unicode: bool = True
) -> list[str]:
    stream = StringIO()
    console = Console(file=stream, width=width)
    console.print(ranking_view(whole, shown, width, unicode=unicode))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_row_has_its_share_a_bar_its_bounds_rates_and_a_verdict() -> None:
    found = lines(ranking(HOT, COLD), [HOT])
    assert found[0] == "inspector hot · pid 4242 · app.py · Python 3.14.7 · 3 threads"
    assert found[1] == "1,000 samples in 2.0 s, 500 per second"
    assert found[3].split() == [
        *("TYPE", "HEAT", "95", "%", "WITHIN", "HEADER/s", "THREADS/s", "VERDICT")
    ]
    assert found[4].split() == [
        *("app.Order", "90.0%", "█" * 18, "88.0%", "-", "91.7%", "-250", "+250"),
        *("plain", "decref"),
    ]
    assert found[6] == "1 header never moved"
    assert "\n".join(found[7:]).replace("\n", " ") == f"plain decref: {PLAIN.advice}"


def test_without_unicode_a_bar_is_of_ascii() -> None:
    assert "#" * 18 in lines(ranking(HOT), [HOT], unicode=False)[4]


def test_a_narrow_screen_goes_without_rates() -> None:
    found = lines(ranking(HOT), [HOT], 80)
    assert max(map(len, found)) <= 80
    assert found[3].split() == ["TYPE", "HEAT", "95", "%", "WITHIN", "VERDICT"]


def test_what_was_not_sampled_is_unknown() -> None:
    (line,) = [each for each in lines(ranking(UNSEEN), [UNSEEN]) if each.startswith("app.New")]
    assert line.split() == ["app.New", "?", "?", "?", "?"]
    assert UNSEEN.as_dict()["heat"] is None


def test_merges_and_the_end_of_the_process_are_told() -> None:
    found = lines(ranking(COLD, left_out=12, ended=True), [])
    assert found[1].endswith("; 12 more had a merge in them and are left out")
    assert found[-1] == "the process ended"


def test_the_document_has_the_heat_with_its_bounds_and_the_verdict_with_its_evidence() -> None:
    (found,) = ranking(HOT).as_dict()["objects"]
    assert (found["heat"], found["verdict"]) == (0.9, "plain decref")
    assert (found["low"], found["high"]) == pytest.approx((0.8799, 0.9171), abs=1e-4)
    assert found["evidence"]["header"] == -500
