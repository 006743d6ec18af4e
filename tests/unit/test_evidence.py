"""What one reading of an object comes to, without waiting for a second one."""

from __future__ import annotations

from itertools import product

import pytest

from inspector.reader import deallocators
from inspector.snapshots.row_verdict import judge_reading, make_judged_document, read_evidence
from inspector.verdict.evidence import HEADER, PER_THREAD
from inspector.verdict.judge import judge
from tests.screen.builder import row, unread


def test_rows_and_the_judge_have_the_same_words_for_where_types_are_freed() -> None:
    assert (deallocators.HEADER, deallocators.PER_THREAD) == (HEADER, PER_THREAD)


MORTAL = ("", "weakref", "merged", "queued", "owned", "?")


@pytest.mark.parametrize("kind", ["type", "code", "dict", "static"])
@pytest.mark.parametrize("state", [*MORTAL, "immortal"])
def test_of_what_the_judge_is_not_asked_it_has_nothing_to_say(kind: str, state: str) -> None:
    fields = product((0, 7), (-5, 0, 5), ("header", "per thread", None), (True, False, None))
    for unique_id, local, deallocator, gil in fields:
        each = row(
            "app.Order",
            kind=kind,
            state=state,
            unique_id=unique_id,
            local=local,
            deallocator=deallocator,
        )
        said = judge_reading(each, gil_enabled=gil)
        assert said == judge(read_evidence(each, gil_enabled=gil))


def test_one_reading_says_what_needs_no_second_one() -> None:
    for each, verdict in (
        (row("app.Order", local=-5), "over-decref"),
        (row("app.Order", local=-5, settled=False), None),
        (row("app.Order", unique_id=0), "no unique id"),
        (row("app.Order", unique_id=0, state="immortal"), "immortal"),
        (row("app.Order"), None),
        (unread("app.Order"), None),
    ):
        assert make_judged_document(each, gil_enabled=False)["verdict"] == verdict


def test_a_document_has_evidence_and_advice_with_a_verdict_only() -> None:
    said = make_judged_document(row("app.Bound", unique_id=0), gil_enabled=True)
    assert said["evidence"]["unique_id"] is False
    assert "the GIL is on" in said["advice"]
    assert {"evidence", "advice"}.isdisjoint(
        make_judged_document(row("app.Order"), gil_enabled=True)
    )
