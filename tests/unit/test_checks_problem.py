from __future__ import annotations

import json

import pytest

from inspector.checks.problem import CheckFailed, Finding, Problem
from inspector.verdict.evidence import Evidence, Verdict
from inspector.verdict.judge import Judgement

LOST = Evidence(total=300, runs=(100, 100, 100), header=0, instances=0, held=0, collected=True)

LEAK = Finding(
    "app.Order",
    Judgement(Verdict.LEAKING, LOST),
    5,
    305,
    "call",
    100,
    contributions={"MainThread (42)": 300},
)


def judged(verdict: Verdict, *runs: int, header: int | None = None) -> Judgement:
    evidence = Evidence(total=sum(runs), runs=runs, header=header, instances=sum(runs))
    return Judgement(verdict, evidence)


def test_a_leak_names_the_type_the_counts_the_thread_and_the_question() -> None:
    text = str(Problem((LEAK,), "pytest tests/test_app.py"))
    assert LEAK.advice().startswith("300 references of +300: references that no live object holds")
    assert text.splitlines() == [
        "app.Order: +1 reference per call, in every one of 3 runs of 100 calls (leaking)",
        "  references  5 before, 305 after (+100 × 3)",
        "  header      +0",
        "  per thread  MainThread (42) +300",
        "  instances   +0",
        f"  verdict     leaking: {LEAK.advice()}",
        "reproduce with: pytest tests/test_app.py",
    ]


@pytest.mark.parametrize(
    ("runs", "text"),
    [((1,) * 50, "(+1 × 50)"), ((2, 1, 1, -1), "(+2, +1 × 2, -1)"), ((1, 2, 3), "(+1, +2, +3)")],
)
def test_runs_that_changed_alike_are_told_once(runs: tuple[int, ...], text: str) -> None:
    finding = Finding("T", judged(Verdict.LEAKING, *runs), 0, sum(runs))
    assert text in finding.lines()[1]


def test_without_counts_per_thread_none_are_shown() -> None:
    text = str(Problem((Finding("app.Order", judged(Verdict.KEPT, 1), 1, 2),)))
    assert "header" not in text
    assert "per thread" not in text


def test_many_threads_are_summed_up_but_for_the_busiest() -> None:
    threads = {f"t{n} ({n})": n for n in range(1, 8)}
    text = str(
        Problem(
            (Finding("T", judged(Verdict.LEAKING, 28, header=0), 0, 28, contributions=threads),)
        )
    )
    assert "t7 (7) +7, t6 (6) +6, t5 (5) +5, t4 (4) +4, 3 more +6" in text


def test_a_changed_count_says_what_was_expected() -> None:
    (finding,) = Problem((Finding("T", judged(Verdict.CHANGED), 5, 7),)).findings
    assert finding.headline() == "T: 7 references, 5 expected"


def test_what_other_threads_did_is_told_apart() -> None:
    beside = Finding("Other", judged(Verdict.BACKGROUND, 8), 1, 9)
    text = str(Problem((LEAK,), noticed=(beside,)))
    assert "also seen, and not counted against it:\nOther: +8 references per run" in text


def test_the_dictionary_is_json_with_the_verdict_as_a_word() -> None:
    document = json.loads(json.dumps(Problem((LEAK,)).as_dict()))
    (finding,) = document["findings"]
    assert finding["verdict"] == "leaking"
    assert (finding["change"], finding["per_unit"]) == (300, 1.0)
    assert Judgement.from_dict(finding) == LEAK.judgement
    assert finding["contributions"] == {"MainThread (42)": 300}


def test_the_error_is_an_assertion_that_keeps_the_problem() -> None:
    problem = Problem((LEAK,))
    with pytest.raises(AssertionError, match=r"app\.Order") as caught:
        raise CheckFailed(problem)
    assert isinstance(caught.value, CheckFailed)
    assert caught.value.problem is problem


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_advice(verdict: Verdict) -> None:
    finding = Finding("T", judged(verdict, 1, 1, 1), 1, 4)
    assert finding.advice() in str(Problem((finding,)))
