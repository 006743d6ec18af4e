"""A pybind11 class has no unique id; it is found, inside and outside, with right counts."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.analysis.history import History
from inspector.verdict.evidence import Verdict
from tests.live.puppets import Puppet, inspect
from tests.support import TARGETS, free_threaded_only, interpreters, python_of

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.snapshots.snapshot import ObjectCount, Snapshot

pytestmark = free_threaded_only

SOURCE = """
#include <pybind11/pybind11.h>
struct Bound { int value = 0; };
PYBIND11_MODULE(bound, module, pybind11::mod_gil_not_used()) {
    pybind11::class_<Bound>(module, "Bound").def(pybind11::init<>());
}
"""

PROGRAM = """
import sys, bound
kept = [bound.Bound() for _ in range(25)]
print('"ready"', flush=True)
sys.stdin.readline()
kept.clear()
print('"cleared"', flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the extension for the running interpreter; return where it is."""
    pybind11 = pytest.importorskip("pybind11")
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    place = tmp_path_factory.mktemp("bound")
    (place / "bound.cpp").write_text(SOURCE)
    include = [f"-I{pybind11.get_include()}", f"-I{sysconfig.get_path('include')}"]
    target = place / f"bound{sysconfig.get_config_var('EXT_SUFFIX')}"
    options = ["-std=c++17", "-O0", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run(
        [compiler, *options, *include, str(place / "bound.cpp"), "-o", str(target)],
        check=True,
        capture_output=True,
    )
    return place


def verdict_on(row: ObjectCount, snapshot: Snapshot) -> Verdict | None:
    """Return what a single reading says."""
    judged = History.begin(snapshot).verdict(row)
    return judged and judged.verdict


def test_a_pybind11_class_is_listed_without_an_id(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    bound = __import__("bound")
    gc.collect()  # a slot wrapper that pybind11 replaced holds the class until then
    base = inspector.snapshot()["bound.Bound"]
    kept = [bound.Bound() for _ in range(25)]
    row = inspector.snapshot()["bound.Bound"]
    assert (row.unique_id, row.contributions) == (0, {})
    assert row.counted is not None
    assert base.counted is not None
    assert row.counted == base.counted + len(kept)
    assert verdict_on(row, inspector.snapshot()) is Verdict.NO_UNIQUE_ID


def test_from_outside_too(folder: Path) -> None:
    with Puppet(sys.executable, "-c", PROGRAM, PYTHONPATH=str(folder)) as target:
        attached = inspector.attach(target.pid)
        snapshot = attached.snapshot()
        before = snapshot["bound.Bound"]
        assert verdict_on(before, snapshot) is Verdict.NO_UNIQUE_ID
        assert target.ask("clear") == "cleared"
        after = attached.snapshot()["bound.Bound"]
        assert before.unique_id == after.unique_id == 0
        assert before.counted is not None
        assert after.counted == before.counted - 25


@pytest.mark.parametrize("version", interpreters())
def test_a_class_back_from_garbage_is_listed_from_outside(version: str) -> None:
    with Puppet(python_of(version), TARGETS / "rescued.py") as target:
        attached = inspector.attach(target.pid)
        before = attached.snapshot()["__main__.make.<locals>.Rescued"]
        said = inspect("type", before.name, target.pid, "--json").document
        listed = inspect("dump", target.pid, "--filter", before.name, "--json").document
        for found in (said, *listed["objects"]):
            assert found["verdict"] == "no unique id"
            assert found["evidence"]["unique_id"] is False
            assert "which contends with nobody" not in found["advice"]
        assert target.ask("drop") == "dropped"
        after = attached.snapshot()["__main__.make.<locals>.Rescued"]
        assert before.unique_id == after.unique_id == 0
        assert before.counted is not None
        assert after.counted == before.counted - 9
