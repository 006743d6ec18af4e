from __future__ import annotations

import json
from io import StringIO
from typing import Any

from inspector.screen.selection import Selection, View
from inspector.screen.verdicts import UsedType, write_verdicts
from inspector.snapshots.interpreter import TargetInfo
from inspector.verdict.advice import explain_verdict
from inspector.verdict.evidence import Evidence, Verdict
from tests.screen.builder import row

TARGET = TargetInfo(4242, "3.14.7", gil_enabled=False, command="app.py")
BALANCED = Evidence(
    unique_id=True, deallocator="per thread", total=0, header=0, contributed=0, used=1
)
PLAIN = Evidence(
    unique_id=True,
    deallocator="header",
    total=-1,
    header=-1001,
    contributed=1000,
    threads=2,
    threads_alive=3,
)
USED = [
    UsedType(row("app.Line"), called=True, evidence=BALANCED),
    UsedType(row("app.Odd"), called=False, evidence=Evidence()),
    UsedType(row("app.Order"), called=True, evidence=PLAIN),
]


def written(used: list[UsedType] = USED, target: TargetInfo = TARGET, **selection: Any) -> str:  # noqa: ANN401 - any field
    as_json = selection.pop("json", False)
    stream = StringIO()
    view = View(Selection(**selection), json=as_json)
    write_verdicts(target, used, view, stream, ["from the whole run"])
    return stream.getvalue()


def test_what_weighs_most_comes_first_with_its_numbers_and_advice_below() -> None:
    lines = [line.rstrip() for line in written().splitlines()]
    assert lines[0] == "inspector verdicts · pid 4242 · app.py · Python 3.14.7 GIL off"
    assert lines[2].split() == ["TYPE", "VERDICT", "TOTAL", "HEADER", "THREADS", "BY", "INSTANCES"]
    assert lines[3].split() == ["app.Order", "plain", "decref", "-1", "-1,001", "+1,000", "2", "?"]
    assert lines[4].split() == ["app.Line", "balanced", "0", "0", "0", "?", "?"]
    assert lines[5].split() == ["app.Odd", "?", "?", "?", "?", "?"]
    assert lines[7] == "3 of 3 types that were used"
    assert lines[8].startswith("plain decref: making an instance counts in the thread")
    assert explain_verdict(Verdict.PLAIN_DECREF) in " ".join(lines[8:10])
    assert lines[-1] == "from the whole run"


def test_contention_is_told_of_several_threads_only() -> None:
    assert "BY: the most threads that counted a type side by side: two or more contend" in written()
    one = [each._replace(evidence=each.evidence._replace(threads_alive=1)) for each in USED]
    assert "BY: there was one thread, which contends with nobody" in written(one)
    assert "BY: " not in written(filters=("Line",))


def test_a_gil_is_told_of_first() -> None:
    lines = written(target=TARGET._replace(gil_enabled=True)).splitlines()
    assert lines[0].rstrip().endswith("GIL on")
    assert lines[1].startswith("the GIL is on: threads contend for it, not for any header")


def test_filters_and_limits_choose_rows() -> None:
    assert "app.Line" not in written(limit=1)
    assert "1 of 3 types that were used; --limit 0 shows all" in written(limit=1)
    assert "app.Line" in written(filters=("Line",))
    assert "app.Order" not in written(filters=("Line",))


def test_the_document_has_verdicts_with_their_evidence() -> None:
    document = json.loads(written(json=True))
    assert document["target"]["pid"] == 4242
    first, second, third = document["types"]
    assert (first["name"], first["verdict"], first["called"]) == ("app.Order", "plain decref", True)
    assert first["evidence"]["contributed"] == 1000
    assert second["verdict"] == "balanced"
    assert (third["verdict"], third["advice"]) == (None, None)
