"""Lines from location tables, as CPython itself tells them."""

from __future__ import annotations

import ast
import sys
import types
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.cpython.code_lines import find_line

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from walk_codes(each)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the table is another one")
@pytest.mark.parametrize("module", [ast, types, pytest])
def test_every_instruction_of_a_module_is_at_the_line_that_python_tells(
    module: types.ModuleType,
) -> None:
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:  # noqa: PTH123
        top = compile(file.read(), module.__file__, "exec")
    for code in walk_codes(top):
        told = [line for line, *_ in code.co_positions()]
        table, first = code.co_linetable, code.co_firstlineno
        assert [find_line(table, first, unit) for unit in range(len(told))] == told


@given(st.binary(max_size=64), st.integers(0, 1 << 20))
def test_a_table_that_lies_has_a_line_or_none(table: bytes, unit: int) -> None:
    line = find_line(table, 1, unit)
    assert line is None or isinstance(line, int)
