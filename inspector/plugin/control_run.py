"""Control runs: what pytest and its plugins keep of a run whose test does nothing.

pytest and its plugins keep objects for each test that runs: in lists, in event loops, in
registries.  No list of names tells which.  A run of an empty test shows them.  It is a run
of the same item, so that the same plugins take part, with the fixtures that plugins define.
What the test, its module and its conftest files do is not part of it, and still counts as
the test's.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.unittest import TestCaseFunction

from inspector.checks.measuring import confirm_suspects
from inspector.checks.problem import Verdict
from inspector.checks.screening import Load, Suspects
from inspector.checks.watched_types import find_all_types, name_of, watch_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.checks.problem import Finding
    from inspector.checks.rules import Rules

__all__ = ["empty_test", "without_runner"]

GROWTH = (Verdict.LEAKING, Verdict.GROWING, Verdict.KEPT)


def _do_nothing() -> None:
    """Stand in for a test."""


async def _do_nothing_async() -> None:
    """Stand in for a test that plugins run in an event loop."""


@contextmanager
def empty_test(item: pytest.Function) -> Iterator[None]:
    """Replace the item's test by one that does nothing, with the fixtures of plugins alone."""
    # pytest offers no other way; plugins, too, find in these what they run.
    private: Any = item
    body, names, info = item.obj, private.fixturenames, private._fixtureinfo
    kept = []
    for name in names:
        if _is_plugins(info.name2fixturedefs.get(name, ())):
            kept.append(name)
    is_async = inspect.iscoroutinefunction(inspect.unwrap(body))
    item.obj = _do_nothing_async if is_async else _do_nothing
    private.fixturenames = kept
    private._fixtureinfo = replace(info, argnames=(), names_closure=kept)
    try:
        yield
    finally:
        item.obj, private.fixturenames, private._fixtureinfo = body, names, info


def _is_plugins(definitions: tuple[Any, ...]) -> bool:
    """Whether a fixture is a plugin's: defined for all tests, and not in a conftest file."""
    if not definitions or definitions[0].baseid:
        return False
    code = getattr(inspect.unwrap(definitions[0].func), "__code__", None)
    return code is None or Path(code.co_filename).name != "conftest.py"


def without_runner(
    findings: list[Finding], item: pytest.Item, load: Load, rules: Rules
) -> list[Finding]:
    """Drop findings that as many runs of an empty test, ``load``, leave behind as well.

    A finding stays, with a note, if the test adds more than the empty one.
    """
    grown = _find_growth(findings)
    # The methods around one of unittest belong to the test and would run in the control.
    if not grown or not isinstance(item, pytest.Function) or isinstance(item, TestCaseFunction):
        return findings
    refs = watch_types(subject for subject in find_all_types() if name_of(subject) in grown)
    classes = any(finding.note for finding in grown.values())
    controls = _find_growth(confirm_suspects(load, rules, Suspects(list(refs), classes=classes)))
    left = []
    for finding in findings:
        control = controls.get(finding.type)
        if finding.verdict not in GROWTH or control is None:
            left.append(finding)
        elif finding.each > control.each:
            note = f"of these, a run of an empty test leaves {control.each:+g}"
            if finding.note:
                note = f"{finding.note}; {note}"
            left.append(replace(finding, note=note))
    return left


def _find_growth(findings: list[Finding]) -> dict[str, Finding]:
    """Return type -> finding of those that say that references grow."""
    return {finding.type: finding for finding in findings if finding.verdict in GROWTH}
