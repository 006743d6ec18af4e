from __future__ import annotations

import os

import pytest

from inspector.screen.sizes import drop_invalid_sizes, read_columns, sensible_environment

NONSENSE = [
    "",
    "0",
    "000",
    "-1",
    "+80",
    " 80",
    "wide",
    "\N{SUPERSCRIPT TWO}",
    "1e3",
    "10001",
    "9" * 5000,
]


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: text[:8])
def test_a_width_that_is_none_is_not_taken_and_stays_where_it_is(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", text)
    monkeypatch.setenv("LINES", "30")
    assert read_columns() is None
    assert "COLUMNS" not in sensible_environment()
    assert sensible_environment()["LINES"] == "30"
    with drop_invalid_sizes():
        assert "COLUMNS" not in os.environ
        assert os.environ["LINES"] == "30"
    assert os.environ["COLUMNS"] == text


@pytest.mark.parametrize("text", ["1", "80", "0080", "10000"])
def test_a_width_is_taken(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", text)
    assert read_columns() == int(text)
    assert sensible_environment()["COLUMNS"] == text
