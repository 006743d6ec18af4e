"""`inspector run --verdicts`: what the whole run of a program says of the types it used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.puppets import inspect
from tests.support import free_threaded_only

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = free_threaded_only

pytest_plugins = ["tests.extension.fixture"]

NUMBER = 300

PROGRAM = """
import collections, gc, sys, threading
sys.path.insert(0, sys.argv[1])
import typerefs

class Made: pass
class Unused: pass
class Sub(collections.deque): pass
class Cycle: pass
class Recast: pass

gc.disable()
number = int(sys.argv[2])

def work():
    for _ in range(number):
        typerefs.Balanced()
        typerefs.PlainDecref()
        typerefs.Leaking()
        typerefs.OverDecref()
        Made()
        Sub()
        one = Cycle()
        one.myself = one
        other = Recast()
        other.__class__ = Made

# One thread ends, and there are collections, while references are counted per thread.
work()
gc.collect()
thread = threading.Thread(target=work)
thread.start()
thread.join()
work()
kept = [Made() for _ in range(10)]
gc.collect()
print("its own output")
sys.exit(7)
"""


@pytest.fixture(scope="module")
def found(
    typerefs_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Run the program once; return what is said of each type, by name."""
    folder = tmp_path_factory.mktemp("run")
    program, report = folder / "program.py", folder / "report.json"
    program.write_text(PROGRAM)
    done = inspect(
        *("run", "--verdicts", "--json", "--output", report),
        *(program, typerefs_path.parent, NUMBER),
    )
    assert (done.status, done.output, done.errors) == (7, "its own output\n", "")
    document = json.loads(report.read_text())
    assert document["target"]["command"] == str(program)
    assert all("could not be read" not in remark for remark in document["remarks"])
    return {each["name"]: each for each in document["types"]}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("typerefs.Balanced", "balanced"),
        ("typerefs.PlainDecref", "plain decref"),
        ("typerefs.Leaking", "leaking"),
        ("typerefs.OverDecref", "over-decref"),
        ("__main__.Sub", "plain decref"),
        ("__main__.Made", "balanced"),
        ("__main__.Cycle", "balanced"),
        ("__main__.Recast", "balanced"),
    ],
)
def test_types_that_were_used_get_the_right_verdict(
    found: dict[str, dict[str, Any]], name: str, verdict: str
) -> None:
    each = found[name]
    assert (each["verdict"], each["called"]) == (verdict, True)
    assert each["advice"]


def test_what_was_merged_by_a_collection_and_the_end_of_a_thread_is_counted_per_thread(
    found: dict[str, dict[str, Any]],
) -> None:
    plain = found["typerefs.PlainDecref"]["evidence"]
    # A few references to the type itself came and went as well.
    assert plain["contributed"] == pytest.approx(3 * NUMBER, abs=5)
    assert plain["header"] == pytest.approx(-3 * NUMBER, abs=5)
    assert plain["merges"] >= 3
    leaking = found["typerefs.Leaking"]["evidence"]
    assert leaking["total"] == pytest.approx(3 * NUMBER, abs=5)


def test_types_that_were_not_used_and_those_of_inspector_are_left_out(
    found: dict[str, dict[str, Any]],
) -> None:
    assert "__main__.Unused" not in found
    assert not [name for name in found if name.startswith(("inspector.", "rich.", "_ctypes."))]


def test_verdicts_are_told_at_the_end_only() -> None:
    done = inspect("run", "--verdicts", "--at", 1, "-c", "1")
    assert done.status == 2
    assert "--verdicts are told at the end" in done.errors
