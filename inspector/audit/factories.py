"""What makes an instance of a type that cannot be made without arguments.

One format, of a user's file and of the table for the standard library that comes
with inspector (``stdlib.toml``)::

    [make]
    "decimal.Context" = "decimal.Context(prec=9)"

    [skip]
    "multiprocessing.pool.Pool" = "starts processes"

A name under ``skip`` may also be a module's; its types are left alone then.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inspector.audit.expressions import parse_expression
from inspector.errors import FileError
from inspector.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Factories", "read_factories", "read_standard_library"]

STANDARD_LIBRARY: Final = Path(__file__).with_name("stdlib.toml")

SECTIONS: Final = ("make", "skip")

FORMAT: Final = 'a table [make] of "module.Type" = "expression", and [skip] of names and reasons'


@dataclass(frozen=True)
class Factories:
    """Expressions that make instances, and what is left alone."""

    make: Mapping[str, str] = field(default_factory=dict)
    """``module.qualname`` -> expression."""
    skip: Mapping[str, str] = field(default_factory=dict)
    """``module.qualname``, or a module -> why."""

    def over(self, below: Factories) -> Factories:
        """Return both, these where both speak of a name."""
        skip: dict[str, str] = {}
        for name, why in below.skip.items():
            if name not in self.make:
                skip[name] = why
        return Factories({**below.make, **self.make}, {**skip, **self.skip})

    def reason(self, name: str) -> str:
        """Return why a type, or a module, is left alone; empty if it is not."""
        while name:
            if name in self.skip:
                return self.skip[name]
            name = name.rpartition(".")[0]
        return ""


def read_factories(path: str | Path) -> Factories:
    """Read a file; raise :class:`FileError`, and ``ExpressionError`` for what makes nothing."""
    name = str(path)
    try:
        with os.fdopen(open_regular(name), "rb") as stream:
            document = tomllib.load(stream)
    except OSError as error:
        raise FileError(f"cannot read {name}: {error.strerror}", path=name) from error
    except ValueError as error:  # bytes that are no UTF-8 too
        raise FileError(
            f"{name} is not TOML: {error}", path=name, hint=f"write {FORMAT}"
        ) from error
    _require_format(
        name, set(document) <= set(SECTIONS), _join_names(set(document) - set(SECTIONS))
    )
    make, skip = (_read_section(name, document, section) for section in SECTIONS)
    for expression in make.values():
        parse_expression(expression)
    return Factories(make, skip)


def _read_section(path: str, document: dict[str, object], section: str) -> dict[str, str]:
    """Return the texts of one table of the file, by name."""
    table = document.get(section, {})
    _require_format(path, isinstance(table, dict), f"{section} is not a table")
    assert isinstance(table, dict)
    texts: dict[str, str] = {}
    wrong = []
    for key, value in table.items():
        if isinstance(value, str):
            texts[plain_name(key)] = value
        else:
            wrong.append(key)
    _require_format(path, not wrong, f"{section}: {_join_names(wrong)} is not text")
    return texts


def read_standard_library() -> Factories:
    """Return the table for the standard library."""
    return read_factories(STANDARD_LIBRARY)


def plain_name(name: str) -> str:
    """Return ``module.Type`` for either way to write it."""
    return name.replace(":", ".")


def _require_format(path: str, fact: bool, otherwise: str) -> None:  # noqa: FBT001 - what is demanded
    """Refuse a file of another format."""
    if not fact:
        raise FileError(f"{path}: {otherwise}", path=path, hint=f"write {FORMAT}; quote the names")


def _join_names(names: Iterable[str]) -> str:
    """Return names in order."""
    return ", ".join(sorted(names))
