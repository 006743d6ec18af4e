"""What the environment says of the size of a screen, as far as that makes sense.

Knows: Rich and typer take ``COLUMNS``, ``LINES`` and ``TERMINAL_WIDTH`` at their word, and
fail on what is no number, on 0, and on a number of a thousand digits.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["drop_invalid_sizes", "read_columns", "sensible_environment"]

COLUMNS: Final = "COLUMNS"
NAMES: Final = (COLUMNS, "LINES", "TERMINAL_WIDTH")
MOST: Final = 10_000
"""Cells or lines; more is nobody's screen."""
DIGITS: Final = len(str(MOST))


def read_columns() -> int | None:
    """Return the width that ``COLUMNS`` asks for; None if it is no width of a screen."""
    return _parse_size(os.environ.get(COLUMNS, ""))


def sensible_environment() -> dict[str, str]:
    """Return the environment without sizes that make no sense: for a console of Rich."""
    environment = dict(os.environ)
    for name in _list_invalid_sizes():
        del environment[name]
    return environment


def _list_invalid_sizes() -> list[str]:
    """Return the variables that hold no size that makes sense."""
    return [name for name in NAMES if name in os.environ and not _parse_size(os.environ[name])]


@contextmanager
def drop_invalid_sizes() -> Iterator[None]:
    """Take sizes that make no sense out of the environment for a while."""
    dropped = {name: os.environ.pop(name) for name in _list_invalid_sizes()}
    try:
        yield
    finally:
        os.environ.update(dropped)


def _parse_size(text: str) -> int | None:
    """Return a number of cells or lines, None for what is none."""
    if not (text.isascii() and text.isdecimal()) or len(text.lstrip("0")) > DIGITS:
        return None
    number = int(text)
    return number if 0 < number <= MOST else None
