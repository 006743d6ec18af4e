"""What may grow: types that are ignored, and references that a type may gain."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from inspector.checks.watched_types import is_counted, is_own, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Rule", "Rules", "parse_rule"]

Subject = type | str
"""A type, or a pattern of ``module.qualname`` as in :mod:`fnmatch`."""

RUNNER = ("_pytest.*", "pluggy.*", "_coverage.*", "coverage.*", "xdist.*", "execnet.*")
"""Types of test runners and of what measures them: they keep what they collect."""


class Rule(NamedTuple):
    """How many references the types of one pattern may gain per run."""

    subject: Subject
    allowed: int | None
    """None for any number."""

    def matches(self, subject: type, name: str) -> bool:
        """Whether the rule applies to a type."""
        if isinstance(self.subject, type):
            return self.subject is subject
        return fnmatchcase(name, self.subject)


class Rules(NamedTuple):
    """Rules in order, the first that matches decides; else ``tolerance``."""

    rules: tuple[Rule, ...] = ()
    tolerance: int = 0
    """References per run that any type may gain or lose."""
    wanted: tuple[Subject, ...] = ()
    """Only these types are looked at; empty for all."""

    @classmethod
    def make(
        cls,
        *,
        tolerance: int = 0,
        ignore: Iterable[Subject] = (),
        expected: Iterable[Rule] = (),
        wanted: Iterable[Subject] = (),
    ) -> Rules:
        """Return the rules of a check: what it ignores first, then what is expected."""
        ignored = [Rule(subject, None) for subject in ignore]
        runner = [Rule(pattern, None) for pattern in RUNNER]
        return cls((*ignored, *expected, *runner), tolerance, tuple(wanted))

    def allowed(self, subject: type) -> int | None:
        """Return the references per run that a type may gain or lose; None for any."""
        if not is_counted(subject) or is_own(subject):
            return None
        name = name_of(subject)
        if self.wanted:
            for wanted in self.wanted:
                if Rule(wanted, None).matches(subject, name):
                    return self.tolerance
            return None
        for rule in self.rules:
            if rule.matches(subject, name):
                return rule.allowed
        return self.tolerance


def parse_rule(text: str) -> Rule:
    """Read ``PATTERN`` or ``PATTERN = N``, as it stands in a configuration file.

    Raises :class:`ValueError` when it is neither.
    """
    left, equals, right = text.partition("=")
    pattern, number = left.strip(), right.strip()
    if len(pattern.split()) != 1:
        raise ValueError(f"{text!r} is not a pattern of module.qualname")
    if not equals:
        return Rule(pattern, None)
    if not number.isdecimal():
        raise ValueError(f"{text!r}: the number of references a run may add must follow =")
    return Rule(pattern, int(number))
