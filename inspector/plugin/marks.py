"""Reads the marks of tests, and says what is wrong with their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from inspector.checks.rules import Rule, Rules
from inspector.checks.support import find_support
from inspector.checks.watched_types import find_all_types, is_heap, is_type, name_of
from inspector.plugin.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.checks.rules import Subject

__all__ = ["Spec", "explain_unchecked", "read_marks", "refuse_item", "spec_of"]


class Spec(NamedTuple):
    """What is checked of one test."""

    rules: Rules
    repeat: int
    leaks: bool
    """Marked no_type_leaks."""
    balanced: tuple[Subject, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Every type and pattern that a mark names as one to check."""
        return (*self.rules.wanted, *self.balanced)


_KEY = pytest.StashKey[Spec]()


def spec_of(item: pytest.Item) -> Spec:
    """Return what :func:`read_marks` read of an item."""
    return item.stash[_KEY]


def read_marks(items: Iterable[pytest.Item]) -> list[str]:
    """Read the marks of each item; return what is wrong, one line per test."""
    wrong = []
    for item in items:
        try:
            item.stash[_KEY] = _read_spec(item)
        except ValueError as problem:
            wrong.append(f"{item.nodeid}: {problem}")
    return wrong


def _read_spec(item: pytest.Item) -> Spec:
    """Return the spec of an item; raise :class:`ValueError` for wrong arguments."""
    settings = settings_of(item.config)
    leaks = item.get_closest_marker("no_type_leaks")
    balanced = item.get_closest_marker("balanced")
    arguments: dict[str, Any] = {
        "repeat": settings.repeat,
        "types": None,
        "ignore": (),
        "tolerance": 0,
    }
    if leaks is not None:
        if leaks.args:
            raise ValueError("no_type_leaks takes keywords only: " + ", ".join(arguments))
        unknown = sorted(leaks.kwargs.keys() - arguments.keys())
        if unknown:
            raise ValueError(
                f"no_type_leaks has no argument {', '.join(unknown)}; it has {', '.join(arguments)}"
            )
        arguments |= leaks.kwargs
    types = arguments["types"]
    wanted = () if types is None else _require_types("no_type_leaks", "types", types)
    rules = Rules.make(
        tolerance=_require_number("no_type_leaks", "tolerance", arguments["tolerance"], 0),
        ignore=_require_types("no_type_leaks", "ignore", arguments["ignore"]),
        expected=settings.expected,
        wanted=wanted,
    )
    repeat = _require_number("no_type_leaks", "repeat", arguments["repeat"], 1)
    return Spec(rules, repeat, leaks is not None, _read_balanced(balanced))


def _read_balanced(mark: pytest.Mark | None) -> tuple[Subject, ...]:
    """Return the types of a mark ``balanced``."""
    if mark is None:
        return ()
    if mark.kwargs:
        raise ValueError("balanced takes types, no keywords: balanced(Widget, 'app.Order')")
    if not mark.args:
        raise ValueError("balanced needs at least one type: balanced(Widget, 'app.Order')")
    return _require_types("balanced", "types", mark.args)


def _require_number(mark: str, name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{mark}: {name} is {value!r}; it must be a number from {least} up")
    return value


def _require_types(mark: str, name: str, value: object) -> tuple[Subject, ...]:
    """Return types and patterns, given as one or as several."""
    several = value if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    for subject in several:
        if is_type(subject):
            continue
        if not isinstance(subject, str) or subject.split() != [subject]:
            raise ValueError(
                f"{mark}: {name} has {subject!r}; it takes types and patterns of module.qualname"
            )
    return tuple(several)


def resolve_types(subjects: Iterable[Subject]) -> tuple[list[type], list[str]]:
    """Return the live types that ``subjects`` name, and the patterns that match no type."""
    found: dict[int, type] = {}
    unknown = []
    for subject in subjects:
        if not isinstance(subject, str):
            found[id(subject)] = subject
            continue
        matching = _find_matching(subject)
        for match in matching:
            found[id(match)] = match
        if not matching:
            unknown.append(subject)
    return list(found.values()), unknown


def _find_matching(pattern: str) -> list[type]:
    """Return the live heap types whose name matches a pattern."""
    rule = Rule(pattern, None)
    matching = []
    for subject in find_all_types():
        if is_heap(subject) and rule.matches(subject, name_of(subject)):
            matching.append(subject)
    return matching


def explain_unchecked(spec: Spec) -> str:
    """Return why this build cannot check all of a test; empty if it can."""
    found = find_support()
    if found.reason:
        return f"references to types cannot be counted: {found.reason}"
    if spec.balanced and not found.threads:
        return f"balanced needs counts per thread: {found.no_threads}"
    return ""


def _find_static(spec: Spec) -> list[str]:
    """Return the names of types that a mark names and that no build counts."""
    names = []
    for subject in spec.subjects:
        if not isinstance(subject, str) and not is_heap(subject):
            names.append(name_of(subject))
    return names


def refuse_item(item: pytest.Item) -> None:
    """Fail a test whose marks name static types.

    Skip or fail one that this build cannot check, as the settings say.
    """
    if static := _find_static(spec_of(item)):
        names = " and ".join(static)
        few = "is a static type" if len(static) == 1 else "are static types"
        pytest.fail(f"{names} {few}: CPython counts no references to such", pytrace=False)
    rule = settings_of(item.config).unsupported
    reason = "" if rule == "fallback" else explain_unchecked(spec_of(item))
    if reason and rule == "skip":
        pytest.skip(reason)
    if reason:
        pytest.fail(reason, pytrace=False)
