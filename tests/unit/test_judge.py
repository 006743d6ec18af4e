"""The one judge: what evidence bears, and what it does not."""

from __future__ import annotations

import pytest

from inspector.verdict.advice import describe_evidence, explain_verdict
from inspector.verdict.evidence import Evidence, Verdict
from inspector.verdict.judge import Judgement, judge

PLAIN = Evidence(unique_id=True, deallocator="header", header=-1000, contributed=1000, seconds=1.0)
PYTHON = Evidence(unique_id=True, deallocator="per thread")


def verdict_on(evidence: Evidence) -> Verdict | None:
    judged = judge(evidence)
    return None if judged is None else judged.verdict


def advice_on(evidence: Evidence) -> str:
    judged = judge(evidence)
    assert judged is not None
    return judged.advice


CASES = {
    "no evidence is no verdict": (Evidence(), None),
    "an immortal type is immortal, also without an id": (
        Evidence(state="immortal", unique_id=False, header=-5000),
        Verdict.IMMORTAL,
    ),
    "a count below zero is an over-decref": (Evidence(negative=True), Verdict.OVER_DECREF),
    "twice given back in every step is an over-decref": (
        Evidence(deallocator="header", used=6, doubled=6, total=-60),
        Verdict.OVER_DECREF,
    ),
    "twice given back in some steps is none": (
        PLAIN._replace(used=6, doubled=5),
        Verdict.PLAIN_DECREF,
    ),
    "references lost by every run are an over-decref": (
        Evidence(total=-30, runs=(-10, -10, -10), held=0, collected=True),
        Verdict.OVER_DECREF,
    ),
    "what a live object may hold uncounted is not lost": (
        Evidence(total=-30, runs=(-10, -10, -10), held=0, held_surely=-30, collected=True),
        None,
    ),
    "what objects that were frozen meanwhile may hold does not leak": (
        Evidence(total=30, runs=(10, 10, 10), frozen=9000, collected=True),
        Verdict.GROWING,
    ),
    "instances that die in every run are none": (
        Evidence(total=-30, runs=(-10, -10, -10), held=-30, instances=-30, collected=True),
        None,
    ),
    "references that nothing holds after repeated runs leak": (
        Evidence(total=30, runs=(10, 10, 10), held=0, instances=0, collected=True),
        Verdict.LEAKING,
    ),
    "instances alive beforehand do not hide a leak": (
        Evidence(total=100, stated=True, held=0, instances=0, collected=True, contributed=100),
        Verdict.LEAKING,
    ),
    "instances that name their class are kept": (
        Evidence(total=100, stated=True, held=100, instances=50, collected=True),
        Verdict.KEPT,
    ),
    "a class in a list is kept": (
        Evidence(total=50, stated=True, held=50, instances=0, collected=True),
        Verdict.KEPT,
    ),
    "one reference per ended thread is no leak per call": (
        Evidence(total=6, runs=(2, 2, 2), held=0, ended=6, collected=True),
        Verdict.GROWING,
    ),
    "one reference per call leaks, also where each call ends a thread": (
        Evidence(total=6, runs=(2, 2, 2), held=0, ended=6, calls=6, collected=True),
        Verdict.LEAKING,
    ),
    "a program that keeps all its instances keeps them": (
        PYTHON._replace(
            total=4000, contributed=4000, held=4000, instances=4000, collected=True, used=1
        ),
        Verdict.KEPT,
    ),
    "a few objects at the end of a program are no growth": (
        PYTHON._replace(total=9, contributed=9, held=9, instances=9, collected=True, used=1),
        Verdict.BALANCED,
    ),
    "a few objects more may be the beginning of growth where nobody collected": (
        PYTHON._replace(total=9, contributed=9, used=1),
        None,
    ),
    "a few that stay of many that go hide no plain decref": (
        PLAIN._replace(total=60, contributed=9000, header=-8940, held=60, collected=True),
        Verdict.PLAIN_DECREF,
    ),
    "a loss of some of what was taken is growth": (
        Evidence(total=400, contributed=2000, held=0, collected=True),
        Verdict.GROWING,
    ),
    "a loss of all that was taken is a leak": (
        Evidence(total=2000, contributed=2000, held=20, collected=True),
        Verdict.LEAKING,
    ),
    "a count that rises all the time grows": (Evidence(total=40, growing=True), Verdict.GROWING),
    "a count that rises with its instances is kept": (
        Evidence(total=100, instances=50, growing=True),
        Verdict.KEPT,
    ),
    "a count that rises as its instances do is kept, measured over the same time": (
        Evidence(total=900, referenced=100, instances=100, growing=True),
        Verdict.KEPT,
    ),
    "a list of the class makes references rise, and no instance holds them": (
        Evidence(total=50, referenced=50, instances=0, growing=True),
        Verdict.GROWING,
    ),
    "a few instances do not explain many references": (
        Evidence(total=1000, instances=20, growing=True),
        Verdict.GROWING,
    ),
    "a count that rises and falls does not grow": (
        PYTHON._replace(total=400, growing=False, used=9),
        Verdict.BALANCED,
    ),
    "a count that has risen so far is not balanced": (PYTHON._replace(total=400, used=2), None),
    "instances that grow are not balanced": (
        PYTHON._replace(total=0, used=9, growing=False, instances=900),
        None,
    ),
    "what a thread beside the check took is its doing": (
        Evidence(total=30, runs=(10, 9, 11), beside=30, stated=True),
        Verdict.BACKGROUND,
    ),
    "the same in every run, and nothing without one, is the doing of the runs": (
        Evidence(total=30, runs=(10, 10, 10), beside=30, idle=False, held=30, instances=30),
        Verdict.KEPT,
    ),
    "what a thread beside took unevenly is its doing, also if it paused afterwards": (
        Evidence(total=30, runs=(10, 9, 11), beside=30, idle=False, held=30, instances=30),
        Verdict.BACKGROUND,
    ),
    "what the checking thread took is its own doing": (
        Evidence(total=30, runs=(10, 10, 10), beside=40, own=30, held=0, collected=True),
        Verdict.LEAKING,
    ),
    "what a busy thread beside may have counted in the header is no proof of a leak": (
        Evidence(total=3, stated=True, beside=2, header=1, held=2, collected=True),
        Verdict.GROWING,
    ),
    "what grows while nothing runs is another thread's doing": (
        Evidence(total=30, runs=(10, 10, 10), idle=True),
        Verdict.BACKGROUND,
    ),
    "what may be another check's doing accuses nobody": (
        Evidence(total=3, stated=True, collected=True, held=0, check_beside=True),
        Verdict.BACKGROUND,
    ),
    "what may have been lost beside another check is no over-decref": (
        Evidence(
            total=-30,
            before=9,
            contributed=30,
            deallocator="header",
            stated=True,
            check_beside=True,
        ),
        Verdict.BACKGROUND,
    ),
    "what the checking thread took beside another check is its own doing": (
        Evidence(total=3, own=3, stated=True, collected=True, held=0, check_beside=True),
        Verdict.LEAKING,
    ),
    "what it took a part of beside another check is growth, and who holds it is unknown": (
        Evidence(total=3, own=1, stated=True, collected=True, held=0, check_beside=True),
        Verdict.GROWING,
    ),
    "the same in every run is the doing of the runs, also beside another check": (
        Evidence(total=30, runs=(10, 10, 10), held=0, collected=True, check_beside=True),
        Verdict.LEAKING,
    ),
    "unless threads from before the runs counted it": (
        Evidence(total=30, runs=(10, 10, 10), beside=30, idle=False, held=30, check_beside=True),
        Verdict.BACKGROUND,
    ),
    "a header beside another check is not hot": (
        Evidence(header=900, calls=1000, check_beside=True),
        Verdict.BACKGROUND,
    ),
    "a count that is not as stated has changed": (
        Evidence(total=-3, stated=True),
        Verdict.CHANGED,
    ),
    "a count that is more than the stated one has changed, not grown": (
        Evidence(total=3, stated=True, collected=True),
        Verdict.CHANGED,
    ),
    "one plain decref in every run that a check repeats is the type's doing": (
        Evidence(deallocator="header", header=-3, contributed=3, steps=3, stated=True),
        Verdict.PLAIN_DECREF,
    ),
    "so is one that its deallocator does not explain": (
        Evidence(deallocator="per thread", header=-3, contributed=3, steps=3, stated=True),
        Verdict.HOT_HEADER,
    ),
    "one in some of its runs is nothing": (
        Evidence(deallocator="header", header=-2, contributed=2, steps=3, stated=True),
        None,
    ),
    "a type without an id has none": (Evidence(unique_id=False), Verdict.NO_UNIQUE_ID),
    "what could not be read has no verdict": (Evidence(unique_id=False, state="?"), None),
    "a code object without an id is nothing special": (
        Evidence(kind="code", unique_id=False),
        None,
    ),
    "its own tp_dealloc makes it a plain decref": (PLAIN, Verdict.PLAIN_DECREF),
    "the same numbers of a Python class make a hot header": (
        PLAIN._replace(deallocator="per thread"),
        Verdict.HOT_HEADER,
    ),
    "few of them make nothing": (
        Evidence(deallocator="per thread", header=-120, contributed=120, seconds=1.0, used=6),
        None,
    ),
    "few of them per call are the type's doing": (
        Evidence(deallocator="per thread", header=-120, contributed=120, calls=120),
        Verdict.HOT_HEADER,
    ),
    "a thread's own lock among many calls is not": (
        Evidence(deallocator="header", header=-4, contributed=4, calls=200),
        Verdict.BALANCED,
    ),
    "a header that moves in most samples is hot": (
        PYTHON._replace(samples=900, moved=700, sampled_seconds=1.0),
        Verdict.HOT_HEADER,
    ),
    "a header that moves now and then is not, however few the samples": (
        PYTHON._replace(samples=5, moved=5, sampled_seconds=5.0, used=5, growing=False),
        None,
    ),
    "a type in use whose header stands still is balanced": (
        PYTHON._replace(used=5, header=0, contributed=3, samples=900, moved=2, seconds=1.0),
        Verdict.BALANCED,
    ),
    "a header that moves between readings is not balanced by their sum": (
        PYTHON._replace(used=5, header=0, steps=5, shifted=4, growing=False),
        None,
    ),
    "samples tell more than readings do": (
        PYTHON._replace(used=5, header=0, steps=5, shifted=1, samples=900, moved=1),
        Verdict.BALANCED,
    ),
    "what grew less than it fell before is not balanced": (
        PYTHON._replace(used=9, header=0, total=-900, growing=True),
        None,
    ),
    "updates are measured against the time in which they were counted": (
        PYTHON._replace(header=-3000, contributed=3000, seconds=60.0, step_seconds=2.0),
        Verdict.HOT_HEADER,
    ),
    "a type that nobody was seen to use has no verdict": (PYTHON._replace(header=0), None),
}


@pytest.mark.parametrize("case", CASES)
def test_evidence_bears(case: str) -> None:
    evidence, expected = CASES[case]
    assert verdict_on(evidence) == expected


def test_one_thread_contends_with_nobody() -> None:
    assert "contend for it" not in advice_on(PLAIN._replace(threads=1, gil_enabled=False))
    assert "2 threads did so" in advice_on(PLAIN._replace(threads=2, gil_enabled=False))
    assert "was not seen" in advice_on(PLAIN)
    alone = advice_on(PLAIN._replace(threads=1, threads_alive=1))
    assert "the process has one thread, which contends with nobody" in alone


def test_nobody_contends_under_the_gil() -> None:
    for evidence in (PLAIN, Evidence(unique_id=False), PLAIN._replace(deallocator="per thread")):
        advice = advice_on(evidence._replace(threads=8, gil_enabled=True))
        assert "the GIL is on, so no thread contends" in advice


def test_a_subclass_of_a_faulty_type_names_the_base() -> None:
    assert "that it has of pkg.Base" in advice_on(PLAIN._replace(deallocator_of="pkg.Base"))
    leak = Evidence(total=9, stated=True, held=0, collected=True, deallocator_of="pkg.Base")
    assert "the tp_dealloc of pkg.Base" in advice_on(leak)


def test_what_is_kept_is_said_with_its_numbers() -> None:
    kept = Evidence(total=50, stated=True, held=50, instances=0, collected=True)
    assert advice_on(kept).startswith("50 more references to the class itself")
    assert advice_on(kept._replace(instances=50)).startswith("50 more instances are alive")
    born = Evidence(kind="class", total=1, stated=True, held=1, instances=1, collected=True)
    assert advice_on(born).startswith("1 more class of this name is alive")


def test_a_leak_is_said_with_the_instances_that_live() -> None:
    leak = Evidence(total=100, stated=True, held=40, instances=40, collected=True)
    assert advice_on(leak).startswith("60 references of +100 (beside 40 more live instances)")


def test_growth_is_said_with_what_was_seen_of_its_holders() -> None:
    grown = Evidence(total=40, growing=True)
    assert advice_on(grown).startswith("references rise")
    assert "instances do not (+0)" in advice_on(grown._replace(instances=0))
    per_thread = Evidence(total=6, runs=(2, 2, 2), held=0, ended=6, collected=True)
    assert "6 ended threads" in advice_on(per_thread)


def test_growth_beside_instances_is_said_with_both_numbers() -> None:
    grown = Evidence(total=1000, referenced=980, instances=20, instances_after=50, growing=True)
    said = advice_on(grown)
    assert said.startswith("references rise by 980 and instances by 20, or may await a collection")
    assert "no instance holds the others" in said
    assert said.endswith("; `inspector leaks --blocking` proves which")
    assert "`inspector holders` names them" in advice_on(grown._replace(instances=900))


def test_instances_may_be_garbage_unless_a_collection_left_them() -> None:
    kept = Evidence(total=100, instances=100, instances_after=300, growing=True)
    assert "or may await a collection, of which none was seen" in advice_on(kept)
    later = advice_on(kept._replace(uncollected=30))
    assert "100 more instances are alive, of which 30 may await a collection: " in later
    for certain in (kept._replace(uncollected=0), kept._replace(collected=True)):
        assert "await" not in advice_on(certain)


def test_missing_evidence_makes_a_verdict_weaker_never_another_one() -> None:
    weaker = {
        Verdict.LEAKING: {Verdict.GROWING, Verdict.CHANGED, None},
        Verdict.KEPT: {Verdict.GROWING, Verdict.CHANGED, None},
        Verdict.GROWING: {Verdict.CHANGED, None},
        Verdict.OVER_DECREF: {Verdict.CHANGED, None},
        Verdict.PLAIN_DECREF: {Verdict.HOT_HEADER, None},
    }
    holders = {"held", "instances", "referenced", "runs", "before", "collected"}
    for evidence, expected in CASES.values():
        if expected is None:
            continue
        for field in holders | {"threads", "samples", "moved", "gil_enabled", "deallocator_of"}:
            less = evidence._replace(**{field: Evidence._field_defaults[field]})
            found = verdict_on(less)
            assert found in {expected, None, *weaker.get(expected, ())}, (evidence, field)


def test_a_judgement_survives_json() -> None:
    judged = judge(PLAIN._replace(runs=(1, 2)))
    assert judged is not None
    assert Judgement.from_dict(judged.as_dict()) == judged
    assert set(judged.as_dict()) == {"verdict", "evidence", "advice"}


def test_numbers_are_said_in_one_line() -> None:
    said = describe_evidence(
        PLAIN._replace(total=0, threads=2, samples=9, moved=3, merges=1, calls=8)
    )
    assert said == (
        "total +0, header -1,000, threads' arrays +1,000, by 2 threads, header moved in 3 of 9 "
        "samples, freed in the header, in 8 calls, in 1.0 s, 1 merge in it"
    )


def test_updates_per_second_are_of_the_time_in_which_they_were_counted() -> None:
    steps = PLAIN._replace(seconds=60.0, step_seconds=2.0)
    assert steps.updates_per_second == pytest.approx(500)
    assert "in 60.0 s (header and arrays in 2.0 s of it, without merges)" in describe_evidence(
        steps
    )
    sampled = steps._replace(samples=900, moved=700, sampled_seconds=1.0)
    assert sampled.updates_per_second == pytest.approx(700)
    assert Evidence(total=5).updates_per_second is None


def test_every_verdict_is_explained() -> None:
    assert all(explain_verdict(verdict) for verdict in Verdict)
    assert [verdict.rank for verdict in Verdict] == list(range(len(Verdict)))
