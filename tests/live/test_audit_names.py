"""Which types an audit lists, under which name, and which names it refuses."""

from __future__ import annotations

import operator
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from inspector.audit.module_types import find_types
from inspector.cli import main
from tests.live.test_audit import path as path  # noqa: PLC0414 - a fixture
from tests.support import free_threaded_only

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["tests.extension.fixture"]

NEEDED = "awkward:NeedsArguments"


@free_threaded_only
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("fail_on", ["leak", "unexercised"])
def test_an_audit_that_exercised_nothing_ends_with_status_9(
    fail_on: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", NEEDED, "--json", "--fail-on", fail_on]) == 9
    said = capfd.readouterr().err
    assert "0 of 1 heap type exercised: the audit proves nothing about" in said
    assert "awkward.NeedsArguments" in said


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_what_a_table_leaves_alone_was_not_forgotten(tmp_path: Path) -> None:
    table = tmp_path / "factories.toml"
    table.write_text('[skip]\n"awkward.NeedsArguments" = "takes arguments"\n')
    words = ["audit", NEEDED, "--json", "--factories", str(table), "--fail-on"]
    assert main([*words, "unexercised"]) == 0


@free_threaded_only
@pytest.mark.parametrize("given", ["--make", "--factories"])
def test_a_mistyped_name_is_told_with_the_one_that_was_meant(
    given: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "factories.toml"
    table.write_text("[make]\n'collections.dequeue' = 'collections.deque()'\n")
    value = str(table) if given == "--factories" else "collections.dequeue=collections.deque()"
    assert main(["audit", "collections:deque", "collections.abc", given, value, "--json"]) == 0
    capfd.readouterr()
    assert main(["audit", "collections", given, value, "--json"]) == 2
    said = capfd.readouterr().err
    assert "a factory is given for collections.dequeue, which is not a type of the targets" in said
    assert "did you mean collections.deque?" in said


@free_threaded_only
@pytest.mark.parametrize(("word", "status"), [("leaking", 0), ("hot-header,plain-decref", 9)])
def test_fail_on_takes_the_verdicts_words(word: str, status: int) -> None:
    assert main(["audit", "collections:deque", "--json", "--fail-on", word]) == status


def test_a_type_that_a_compiled_module_imports_is_foreign(
    typerefs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typerefs, "itemgetter", operator.itemgetter, raising=False)
    found = find_types({"typerefs"})
    assert found.foreign == {"operator.itemgetter": "_operator"}
    assert "typerefs.Balanced" in found.heap
    assert "operator.itemgetter" in find_types({"_operator"}).heap


def test_types_that_cython_shares_are_listed_for_those_who_use_them(
    typerefs: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "_cython_9_8_7", ModuleType("_cython_9_8_7"))
    shared = type("generator", (), {"__module__": "_cython_9_8_7"})
    code = tmp_path / "typerefs.so"
    monkeypatch.setattr(typerefs, "__file__", str(code))
    code.write_bytes(b"\0nothing\0")
    assert "_cython_9_8_7.generator" not in find_types({"typerefs"}).heap
    code.write_bytes(b"\0_cython_9_8_7.generator\0")
    assert find_types({"typerefs"}).heap["_cython_9_8_7.generator"] == [shared]
