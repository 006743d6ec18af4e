"""What the command line and the configuration file say, the command line first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from inspector.checks.rules import Rule, parse_rule
from inspector.plugin.mark_names import UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Settings", "settings_of"]

T = TypeVar("T")


class Settings(NamedTuple):
    """The options of a run."""

    leaks: bool
    report: bool
    json: str
    """Path of a file, or empty."""
    repeat: int
    expected: tuple[Rule, ...]
    unsupported: str
    """One of :data:`UNSUPPORTED`."""


_KEY = pytest.StashKey[Settings]()


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of a run; raise :class:`pytest.UsageError` for wrong ones."""
    if _KEY not in config.stash:
        config.stash[_KEY] = _read_settings(config)
    return config.stash[_KEY]


def _read_settings(config: pytest.Config) -> Settings:
    def either(name: str) -> object:
        given = config.getoption(f"inspector_{name}")
        return config.getini(f"inspector_{name}") if given is None else given

    unsupported = str(either("unsupported"))
    if unsupported not in UNSUPPORTED:
        raise pytest.UsageError(
            f"inspector_unsupported is {unsupported!r}: choose {', '.join(UNSUPPORTED)}"
        )
    expected = []
    for line in (config.getoption("inspector_expected") or []) + config.getini(
        "inspector_expected"
    ):
        expected.append(_parse_value(parse_rule, line, "inspector_expected"))
    return Settings(
        leaks=bool(either("leaks")),
        report=bool(either("report")),
        json=str(either("json")),
        repeat=_parse_value(_parse_positive, str(either("repeat")), "inspector_repeat"),
        expected=tuple(expected),
        unsupported=unsupported,
    )


def _parse_positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is not a number of runs, from 1 up")
    return int(text)


def _parse_value(parse: Callable[[str], T], text: str, name: str) -> T:
    """Parse one value; name it if it is wrong."""
    try:
        return parse(text)
    except ValueError as problem:
        raise pytest.UsageError(f"{name}: {problem}") from None
