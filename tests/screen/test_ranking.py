from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from inspector.diagnosis.ranking import RankedObject, Ranking
from inspector.screen.ranking import ranking_view
from inspector.screen.text import GIL_ON
from inspector.snapshots.interpreter import TargetInfo
from inspector.verdict.evidence import Evidence
from tests.screen.builder import row

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = Evidence(
    unique_id=True,
    deallocator="header",
    gil_enabled=False,
    seconds=2.0,
    steps=4,
    header=-500,
    contributed=500,
    used=4,
    threads=3,
    threads_alive=3,
    samples=1000,
    moved=900,
    sampled_seconds=2.0,
)


def ranked(name: str, evidence: Evidence) -> RankedObject:
    return RankedObject(row(name), lambda _: evidence)


HOT = ranked("app.Order", PLAIN)
COLD = ranked("app.Line", Evidence(unique_id=True, header=0, seconds=2.0, samples=1000, moved=0))
UNSEEN = ranked("app.New", Evidence(unique_id=True))


def ranking(*rows: RankedObject, **values: Any) -> Ranking:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "target": TargetInfo(4242, "3.14.7", gil_enabled=False, command="app.py"),
        "threads": 3,
        "seconds": 2.0,
        "samples": 1000,
        "left_out": 0,
        "merges": 0,
        "ended": False,
        "stopped_by_signal": False,
        "rows": rows,
    }
    return Ranking(**(fields | values))


def lines(
    whole: Ranking, shown: Sequence[RankedObject], width: int = 120, *, unicode: bool = True
) -> list[str]:
    stream = StringIO()
    console = Console(file=stream, width=width)
    console.print(ranking_view(whole, shown, width, unicode=unicode))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_row_has_its_rate_threads_share_bounds_and_verdict() -> None:
    found = lines(ranking(HOT, COLD), [HOT])
    assert found[0] == "inspector hot · pid 4242 · app.py · Python 3.14.7 GIL off · 3 threads"
    assert found[1] == "1,000 samples in 2.0 s, 500 per second"
    heads = "TYPE UPDATES/s USED BY MOVED IN 95 % CI HEADER/s ARRAYS/s VERDICT"
    assert found[3].split() == heads.split()
    cells = "app.Order ≥450 3 threads 90.0% 88.0 - 91.7% -250 +250 plain decref"
    assert found[4].split() == cells.split()
    assert found[6] == "1 header never moved"
    assert HOT.judged is not None
    advice = f"plain decref, app.Order: {HOT.judged.advice}"
    assert "\n".join(found[7:]).replace("\n", " ") == advice
    assert "3 threads did so side by side, and contend for it" in advice


def test_without_unicode_a_bound_is_of_ascii() -> None:
    assert ">=450" in lines(ranking(HOT), [HOT], unicode=False)[4]


def test_a_narrow_screen_goes_without_net_rates() -> None:
    found = lines(ranking(HOT), [HOT], 80)
    assert max(map(len, found)) <= 80
    heads = "TYPE UPDATES/s USED BY MOVED IN 95 % CI VERDICT"
    assert found[3].split() == heads.split()


def test_the_gil_is_said_first() -> None:
    target = TargetInfo(4242, "3.14.7", gil_enabled=True, command="app.py")
    serial = ranked("app.Order", PLAIN._replace(gil_enabled=True))
    found = lines(ranking(serial, target=target), [serial])
    assert "GIL on" in found[0]
    assert found[1] == GIL_ON
    assert "no thread contends for it" in "\n".join(found).replace("\n", " ")
    assert "side by side, and contend" not in "\n".join(found)


def test_one_thread_contends_with_nobody() -> None:
    alone = ranked("app.Order", PLAIN._replace(threads=1, threads_alive=1))
    found = " ".join(lines(ranking(alone), [alone], 200))
    assert "1 thread" in found
    assert "the process has one thread, which contends with nobody" in found


def test_what_was_not_sampled_is_unknown() -> None:
    (line,) = [each for each in lines(ranking(UNSEEN), [UNSEEN]) if each.startswith("app.New")]
    assert line.split() == ["app.New", *"??????"]
    found = UNSEEN.as_dict()
    assert (found["heat"], found["updates_per_second"], found["threads"]) == (None, None, None)


def test_merges_and_the_end_of_the_process_are_told() -> None:
    found = lines(ranking(COLD, left_out=12, ended=True), [])
    assert found[1].endswith("; 12 taken during a merge are discarded")
    assert found[-1] == "the process ended"


def test_the_document_has_rates_the_share_with_its_bounds_and_the_verdict_with_its_evidence() -> (
    None
):
    (found,) = ranking(HOT).as_dict()["objects"]
    assert (found["heat"], found["verdict"]) == (0.9, "plain decref")
    assert (found["updates_per_second"], found["threads"]) == (450, 3)
    assert (found["low"], found["high"]) == pytest.approx((0.8799, 0.9171), abs=1e-4)
    assert found["evidence"]["header"] == -500
    assert HOT.judged is not None
    assert found["advice"] == HOT.judged.advice
