"""Factories whose numbers mislead whoever does not see all of them, and what is right."""

from __future__ import annotations

import enum
import importlib
import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

typerefs: Any = importlib.import_module("typerefs")

KEPT: list[object] = []
NUMBERS = itertools.count(2)


class Before:
    pass


class After:
    pass


class Node:
    def __init__(self) -> None:
        self.kind = type(self)


class Named:
    pass


class Sub(typerefs.Leaking):  # type: ignore[misc]
    pass


class Perm(enum.Flag, boundary=enum.KEEP):
    READ = 1


def change_class() -> object:
    other = Before()
    other.__class__ = After  # type: ignore[assignment]
    return Before()


def keep_node() -> object:
    KEPT.append(Node())
    return KEPT[-1]


def keep_class() -> object:
    KEPT.append(Named)
    return Named()


def keep_member() -> object:
    return Perm(next(NUMBERS))


def keep_silent() -> object:
    KEPT.append(typerefs.Silent())
    return KEPT[-1]


def keep_silent_of_its_kind() -> object:
    KEPT.append(typerefs.Silent(typerefs.Silent))
    return KEPT[-1]


def make_balanced() -> object:
    return typerefs.Balanced()


def make_plain() -> object:
    return typerefs.PlainDecref()


def make_leaking() -> object:
    return typerefs.Leaking()


def make_over() -> object:
    return typerefs.OverDecref()


def make_sub() -> object:
    return Sub()


def make_immortal() -> object:
    return typerefs.Immortal()


FACTORIES: dict[str, tuple[Callable[[], object], str, str]] = {
    each.__name__: (each, losses, all_of_it)
    for each, losses, all_of_it in (
        (change_class, "", "hot header"),
        (keep_node, "kept", "kept"),
        (keep_class, "kept", "kept"),
        (keep_member, "kept", "kept"),
        (keep_silent, "kept", "kept"),
        (keep_silent_of_its_kind, "kept", "kept"),
        (make_balanced, "", "balanced"),
        (make_plain, "", "plain decref"),
        (make_leaking, "leaking", "leaking"),
        (make_over, "over-decref", "over-decref"),
        (make_sub, "leaking", "leaking"),
        (make_immortal, "", "immortal"),
    )
}
"""Name -> factory, the verdict on how many references there are, and the verdict on all."""
