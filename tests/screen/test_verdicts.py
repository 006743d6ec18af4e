from __future__ import annotations

import json
from io import StringIO
from typing import Any

from inspector.census.interpreter import TargetInfo
from inspector.census.verdict import Evidence, Used, Verdict
from inspector.screen.selection import Selection, View
from inspector.screen.verdicts import write_verdicts
from tests.screen.builder import row

TARGET = TargetInfo(4242, "3.14.7", gil_enabled=False, command="app.py")
USED = [
    Used(row("app.Line"), True, Verdict.BALANCED, Evidence(total=0, header=0, contributed=0)),  # noqa: FBT003
    Used(row("app.Odd"), False, None, Evidence()),  # noqa: FBT003 - a tuple's field
    Used(
        row("app.Order"),
        called=True,
        verdict=Verdict.PLAIN_DECREF,
        evidence=Evidence(total=-1, header=-1001, contributed=1000),
    ),
]


def written(**selection: Any) -> str:  # noqa: ANN401 - any field
    as_json = selection.pop("json", False)
    stream = StringIO()
    view = View(Selection(**selection), json=as_json)
    write_verdicts(TARGET, USED, view, stream, ["from the whole run"])
    return stream.getvalue()


def test_what_weighs_most_comes_first_with_its_numbers_and_advice_below() -> None:
    lines = [line.rstrip() for line in written().splitlines()]
    assert lines[0] == "inspector verdicts · pid 4242 · app.py · Python 3.14.7"
    assert lines[2].split() == ["TYPE", "VERDICT", "TOTAL", "HEADER", "THREADS", "INSTANCES"]
    assert lines[3].split() == ["app.Order", "plain", "decref", "-1", "-1,001", "+1,000", "?"]
    assert lines[4].split() == ["app.Line", "balanced", "0", "0", "0", "?"]
    assert lines[5].split() == ["app.Odd", "?", "?", "?", "?"]
    assert lines[7] == "3 of 3 types that were used"
    assert lines[8] == f"plain decref: {Verdict.PLAIN_DECREF.advice}"
    assert lines[-1] == "from the whole run"


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
