from __future__ import annotations

import json

import pytest

from inspector.checks.problem import CheckFailed, Finding, Problem, Verdict

LEAK = Finding(
    "app.Order",
    Verdict.LEAKING,
    5,
    305,
    (100, 100, 100),
    "call",
    100,
    header=0,
    contributions={"MainThread (42)": 300},
    instances=0,
)


def test_a_leak_names_the_type_the_counts_the_thread_and_the_question() -> None:
    text = str(Problem((LEAK,), "pytest tests/test_app.py"))
    assert LEAK.advice().endswith("does its tp_dealloc call Py_DECREF(tp)?")
    assert text.splitlines() == [
        "app.Order: +1 reference per call, in every one of 3 runs of 100 calls (leaking)",
        "  references  5 before, 305 after (+100 +100 +100)",
        "  header      +0",
        "  per thread  MainThread (42) +300",
        "  instances   +0",
        f"  verdict     leaking: {LEAK.advice()}",
        "reproduce with: pytest tests/test_app.py",
    ]


def test_without_counts_per_thread_none_are_shown() -> None:
    text = str(Problem((Finding("app.Order", Verdict.KEPT, 1, 2, (1,), instances=1),)))
    assert "header" not in text
    assert "per thread" not in text


def test_many_threads_are_summed_up_but_for_the_busiest() -> None:
    threads = {f"t{n} ({n})": n for n in range(1, 8)}
    text = str(
        Problem((Finding("T", Verdict.LEAKING, 0, 28, (28,), header=0, contributions=threads),))
    )
    assert "t7 (7) +7, t6 (6) +6, t5 (5) +5, t4 (4) +4, 3 more +6" in text


def test_a_changed_count_says_what_was_expected() -> None:
    (finding,) = Problem((Finding("T", Verdict.CHANGED, 5, 7, ()),)).findings
    assert finding.headline() == "T: 7 references, 5 expected"


def test_what_other_threads_did_is_told_apart() -> None:
    beside = Finding("Other", Verdict.BACKGROUND, 1, 9, (8,))
    text = str(Problem((LEAK,), noticed=(beside,)))
    assert "also seen, and not counted against it:\nOther: +8 references per run" in text


def test_the_dictionary_is_json_with_the_verdict_as_a_word() -> None:
    document = json.loads(json.dumps(Problem((LEAK,)).as_dict()))
    (finding,) = document["findings"]
    assert finding["verdict"] == "leaking"
    assert (finding["change"], finding["per_unit"]) == (300, 1.0)
    assert finding["contributions"] == {"MainThread (42)": 300}


def test_the_error_is_an_assertion_that_keeps_the_problem() -> None:
    problem = Problem((LEAK,))
    with pytest.raises(AssertionError, match=r"app\.Order") as caught:
        raise CheckFailed(problem)
    assert isinstance(caught.value, CheckFailed)
    assert caught.value.problem is problem


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_advice(verdict: Verdict) -> None:
    finding = Finding("T", verdict, 1, 4, (1, 1, 1), instances=3)
    assert finding.advice()
    assert "{" not in finding.advice()
