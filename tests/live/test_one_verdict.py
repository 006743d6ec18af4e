"""Every assertion and an audit say the same of the same type."""

from __future__ import annotations

import enum
import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import inspector
from inspector import checks
from inspector.audit.auditing import audit_targets
from inspector.audit.factories import Factories
from inspector.audit.supervisor import AuditPlan
from inspector.errors import NotCounted
from tests.support import FREE_THREADED, ROOT, free_threaded_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

pytest_plugins = ["tests.extension.fixture"]

MODULES = Path(__file__).parent / "modules"

NAMES = [
    "change_class",
    "keep_node",
    "keep_class",
    "keep_member",
    "keep_silent",
    "keep_silent_of_its_kind",
    "make_balanced",
    "make_plain",
    "make_leaking",
    "make_over",
    "make_sub",
    "make_immortal",
]

UNCOUNTED = {"balanced", "immortal", "plain decref", "hot header"}
"""Of these a Python with the GIL says nothing."""


@pytest.fixture(autouse=True)
def small_heap() -> Iterator[None]:
    """Leave what is there before out of every collection of a check."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def confusers(typerefs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    assert typerefs.__name__ in sys.modules
    monkeypatch.syspath_prepend(str(MODULES))
    module = importlib.import_module("confusers")
    assert list(module.FACTORIES) == NAMES
    monkeypatch.setattr(module, "KEPT", [])  # one that no collection leaves out
    return module


def finding_on(problem: checks.Problem | None, subject: type) -> checks.Finding | None:
    """Return the finding on a type; there is none on any other."""
    if problem is None:
        return None
    (finding,) = problem.findings
    assert finding.type == f"{subject.__module__}.{subject.__qualname__}"
    document = json.loads(json.dumps(finding.as_dict()))
    assert {"verdict", "evidence", "advice"} < document.keys()
    assert document["advice"] in str(problem)
    return finding


def word(finding: checks.Finding | None) -> str:
    return "" if finding is None else finding.verdict.value


@pytest.mark.parametrize("name", NAMES)
def test_assertions_agree(confusers: ModuleType, name: str) -> None:
    factory, losses, all_of_it = confusers.FACTORIES[name]
    subject = type(factory())
    per_call = checks.check_no_leak_per_call(factory, 20)
    assert word(finding_on(per_call, subject)) == losses
    expected = "" if all_of_it in {"balanced", "immortal"} else all_of_it
    if not FREE_THREADED and all_of_it in UNCOUNTED:
        expected = ""
    assert word(finding_on(checks.check_balanced(factory, 50), subject)) == expected
    window = checks.check_no_type_leaks(subject if name != "make_immortal" else None)
    with window:
        for _ in range(5):
            factory()
    # One block that loses references is no over-decref yet: instances may have died.
    lost = "" if losses == "over-decref" else losses
    assert word(finding_on(window.problem, subject)) == lost


@free_threaded_only
def test_an_audit_agrees_with_the_assertions(
    confusers: ModuleType, typerefs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(ROOT), str(MODULES), str(typerefs_path.parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    make = {f"label.{name}": f"confusers.{name}()" for name in NAMES}
    plan = AuditPlan(factories=Factories(make), alone=tuple(make), calls=20)
    rows = audit_targets(plan, lambda _done, _all, _name: None).rows
    found = {row.make.removeprefix("confusers.").removesuffix("()"): row for row in rows}
    expected = {name: all_of_it for name, (_, _, all_of_it) in confusers.FACTORIES.items()}
    assert {name: str(row.verdict) for name, row in found.items()} == expected
    document: dict[str, Any] = json.loads(json.dumps(found["make_sub"].as_dict()))
    assert document["evidence"]["deallocator_of"] == "typerefs.Leaking"
    assert "does the tp_dealloc of typerefs.Leaking call Py_DECREF(tp)" in document["advice"]


def test_instances_alive_beforehand_do_not_hide_a_leak(typerefs: ModuleType) -> None:
    kept = [typerefs.Leaking() for _ in range(100)]
    with checks.check_refcount_unchanged(typerefs.Leaking) as window:
        for _ in range(10):
            typerefs.Leaking()
    finding = finding_on(window.problem, typerefs.Leaking)
    assert word(finding) == "leaking"
    assert finding is not None
    assert (finding.instances, finding.change) == (0, 10)
    assert len(kept) == 100


def test_what_is_kept_is_said_with_its_own_numbers(confusers: ModuleType) -> None:
    nodes = finding_on(checks.check_no_leak_per_call(confusers.keep_node, 10), confusers.Node)
    assert nodes is not None
    assert nodes.advice().startswith("30 more instances are alive: ")
    named = finding_on(checks.check_no_leak_per_call(confusers.keep_class, 10), confusers.Named)
    assert named is not None
    assert named.advice().startswith("30 more references to the class itself, held by no instance")


@free_threaded_only
def test_what_a_thread_keeps_for_its_next_instance_is_no_leak_per_call(
    typerefs: ModuleType,
) -> None:
    assert checks.check_no_leak_per_call(typerefs.Sparing, 50) is None
    problem = checks.check_balanced(typerefs.Sparing, 50, threads=2)
    finding = finding_on(problem, typerefs.Sparing)
    assert word(finding) == "growing"
    assert finding is not None
    assert "6 references that no live object holds, with 6 ended threads" in finding.advice()


@free_threaded_only
@pytest.mark.parametrize("name", ["typerefs.Immortal", "builtins.list"])
def test_a_type_that_nobody_counts_is_refused_in_the_same_words(
    typerefs: ModuleType, name: str
) -> None:
    subject = typerefs.Immortal if name == "typerefs.Immortal" else list
    said = f"{name} is static or immortal: CPython does not count its references"
    for count in (checks.refcount, inspector.refcount):
        with pytest.raises(NotCounted) as caught:
            count(subject)
        assert str(caught.value) == said


def make_enumeration(size: int) -> type[enum.Enum]:
    members = {f"c{n}": n for n in range(size)}
    return enum.Enum("Color", members)  # type: ignore[return-value]


def test_an_enumeration_is_kept_with_all_its_members() -> None:
    with checks.check_no_type_leaks() as window:
        made = make_enumeration(50)
    assert window.problem is not None
    verdicts = {each.type: word(each) for each in window.problem.findings}
    assert set(verdicts.values()) == {"kept"}
    assert len(made) == 50
