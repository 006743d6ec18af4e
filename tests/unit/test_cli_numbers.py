"""Words that are no numbers are refused in words that say so."""

from __future__ import annotations

import pytest

from inspector.cli.app import parse_words
from inspector.cli.codes import USAGE


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("dump abc", "PID must be a number, not 'abc'"),
        ("dump 0", "PID must be 1 or more"),
        ("dump --limit 1.5", "'1.5' is not a valid whole number"),
        ("replay --reading x file", "'x' is not a valid whole number"),
        ("hot --duration x", "'x' is not a valid number"),
    ],
)
def test_what_must_be_a_number_is_named(
    line: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_words(line.split()) == USAGE
    assert text in capsys.readouterr().err


def test_numbers_are_called_numbers_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    parse_words(["dump", "--help"])
    assert "range" not in capsys.readouterr().out
