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
class Target: pass

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
        other.__class__ = Target

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


def run_program(
    program: str, folder: Path, *words: object, status: int = 0, gil: str = "0"
) -> dict[str, dict[str, Any]]:
    """Run a program once; return what is said of each type, by name."""
    script, report = folder / "program.py", folder / "report.json"
    script.write_text(program)
    done = inspect(
        *("run", "--verdicts", "--json", "--output", report), *(script, *words), PYTHON_GIL=gil
    )
    assert (done.status, done.errors) == (status, "")
    document = json.loads(report.read_text())
    assert document["target"]["command"] == str(script)
    assert all("could not be read" not in remark for remark in document["remarks"])
    return {each["name"]: {**each, "output": done.output} for each in document["types"]}


@pytest.fixture(scope="module")
def found(
    typerefs_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    types = run_program(PROGRAM, folder, typerefs_path.parent, NUMBER, status=7)
    assert types["__main__.Made"]["output"] == "its own output\n"
    return types


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
        ("__main__.Recast", None),
    ],
)
def test_types_that_were_used_get_the_right_verdict(
    found: dict[str, dict[str, Any]], name: str, verdict: str | None
) -> None:
    each = found[name]
    assert (each["verdict"], each["called"]) == (verdict, True)
    assert bool(each["advice"]) == bool(verdict)


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
    assert "--verdicts reports at the end" in done.errors


ONE_THREAD = """
import collections, enum, re

class Recast: pass
class Target: pass
class Seldom: pass
class Node:
    def __init__(self): self.kind = type(self)
class Session: pass

def recast(old, new):
    one = old()
    one.__class__ = new
    return old()

for _ in range(4000):
    recast(Recast, Target)
    collections.deque()
    re.match("a", "a")
for _ in range(100):
    recast(Seldom, Target)
nodes = [Node() for _ in range(50)]
sessions = [Session() for _ in range(4000)]
Many = enum.Enum("Many", [f"m{number}" for number in range(100)])
Few = enum.Flag("Few", "A B C")
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return run_program(ONE_THREAD, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize(
    ("name", "verdict", "advice"),
    [
        ("__main__.Recast", "hot header", "assignments to __class__"),
        ("__main__.Target", "hot header", "assignments to __class__"),
        ("__main__.Seldom", None, ""),
        ("__main__.Session", "kept", "4,000 more instances are alive"),
        ("__main__.Node", "kept", "50 more instances are alive"),
        ("__main__.Many", "kept", "100 more instances are alive"),
        ("__main__.Few", None, ""),
        ("collections.deque", "plain decref", "which contends with nobody"),
        # Not called by Python code, and of a module that inspector uses, too.
        ("re.Match", "plain decref", "which contends with nobody"),
    ],
)
def test_each_confuser_gets_the_verdict_that_its_numbers_bear(
    alone: dict[str, dict[str, Any]], name: str, verdict: str | None, advice: str
) -> None:
    # An enumeration is not called; its members hold references all the same.
    each = alone.get(name, {"verdict": None, "advice": None})
    assert each["verdict"] == verdict
    assert advice in (each["advice"] or "")


def test_evidence_of_a_whole_run_is_complete(alone: dict[str, dict[str, Any]]) -> None:
    evidence = alone["__main__.Session"]["evidence"]
    assert evidence["instances"] == 4000
    assert evidence["held"] == pytest.approx(4000, abs=5)
    assert evidence["total"] == pytest.approx(4000, abs=5)
    known = ("collected", "unique_id", "deallocator", "threads", "threads_alive", "before")
    assert [evidence[each] for each in known] == [True, True, "per thread", 1, 1, 0]
    assert evidence["gil_enabled"] is False


SEVERAL = """
import collections, threading

class OneByOne(collections.deque): pass
class SideBySide(collections.deque): pass

def work(made, barrier):
    barrier.wait()
    for _ in range(1000):
        made()
    barrier.wait()

for number, made in [(1, OneByOne), (1, OneByOne), (2, SideBySide)]:
    barrier = threading.Barrier(number)
    workers = [threading.Thread(target=work, args=(made, barrier)) for _ in range(number)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
"""


def test_threads_that_used_a_type_side_by_side_are_told_from_those_that_did_so_in_turn(
    tmp_path: Path,
) -> None:
    types = run_program(SEVERAL, tmp_path)
    turns, beside = types["__main__.OneByOne"], types["__main__.SideBySide"]
    assert (turns["verdict"], turns["evidence"]["threads"]) == ("plain decref", 1)
    assert "it contends only if others free them" in turns["advice"]
    assert (beside["verdict"], beside["evidence"]["threads"]) == ("plain decref", 2)
    assert "2 threads did so side by side, and contend for it" in beside["advice"]
    assert "the tp_dealloc that it has of collections.deque" in beside["advice"]


def test_with_the_gil_on_nobody_contends(tmp_path: Path) -> None:
    types = run_program(SEVERAL, tmp_path, gil="1")
    assert "the GIL is on, so no thread contends" in types["__main__.SideBySide"]["advice"]
    done = inspect("run", "--verdicts", tmp_path / "program.py", PYTHON_GIL="1", COLUMNS="200")
    first, second = done.errors.splitlines()[:2]
    assert first.rstrip().endswith("GIL on")
    assert second.startswith("the GIL is on")


def test_what_a_class_is_made_of_is_nothing_that_the_program_keeps(tmp_path: Path) -> None:
    # C code makes the instance: nobody hears of a call before there is one.
    types = run_program("import decimal\nkept = decimal.getcontext()\n", tmp_path)
    context = types["decimal.Context"]
    assert context["verdict"] != "kept"
    assert context["evidence"]["total"] < 20
