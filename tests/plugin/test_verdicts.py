"""Marks and options say of a type what the assertions say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.live.test_one_verdict import MODULES, NAMES
from tests.support import FREE_THREADED

if TYPE_CHECKING:
    import pytest

    from tests.plugin.conftest import Run

pytest_plugins = ["pytester", "tests.extension.fixture"]

HEAD = "import pytest, sys\nsys.path.append({path!r})\nimport confusers, typerefs\n"

PLAIN = "def test_{name}(): confusers.{name}()\n"

LEAKS = "@pytest.mark.no_type_leaks\ndef test_{name}_leaks(): confusers.{name}()\n"

BALANCED = """
@pytest.mark.balanced(type(confusers.{name}()))
def test_{name}_balanced(): confusers.{name}()
"""

TABLE = """
import json
from pathlib import Path

table = {name: words for name, (_, *words) in confusers.FACTORIES.items()}
Path("table.json").write_text(json.dumps(table))
"""


def test_marks_and_the_option_agree_with_the_assertions(
    run: Run, pytester: pytest.Pytester
) -> None:
    kinds = (PLAIN, LEAKS, BALANCED) if FREE_THREADED else (PLAIN, LEAKS)
    tests = "\n".join(kind.format(name=name) for name in NAMES for kind in kinds)
    text = HEAD.format(path=str(MODULES)) + tests + TABLE
    run(text, "--inspector-leaks", "--inspector-json=found.json", subprocess=True)
    document = json.loads((pytester.path / "found.json").read_text())
    found = {}
    for each in document["tests"]:
        findings = each.get("findings", [])
        assert all({"verdict", "evidence", "advice"} < one.keys() for one in findings)
        found[each["nodeid"].partition("::test_")[2]] = "".join(one["verdict"] for one in findings)
    expected: dict[str, str] = {}
    table = json.loads((pytester.path / "table.json").read_text())
    for name, (losses, all_of_it) in table.items():
        expected |= {name: losses, f"{name}_leaks": losses}
        if FREE_THREADED:
            silent = {"balanced", "immortal"}
            expected[f"{name}_balanced"] = "" if all_of_it in silent else all_of_it
    assert found == expected
