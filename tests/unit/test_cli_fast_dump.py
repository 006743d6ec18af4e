"""Command lines that are understood without typer mean what they mean with it."""

from __future__ import annotations

import itertools
from functools import partial

import pytest

from inspector.cli.app import parse_words
from inspector.cli.fast_dump import parse_dump

WORDS = ["1", "self", "--json", "--blocking"]
LINES = [("dump", *words) for number in range(4) for words in itertools.permutations(WORDS, number)]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_what_is_understood_means_what_typer_says(line: tuple[str, ...]) -> None:
    mine = parse_dump(line)
    if {"1", "self"} <= set(line):
        assert mine is None
        return
    theirs = parse_words(line)
    assert isinstance(mine, partial)
    assert isinstance(theirs, partial)
    assert (mine.func, mine.args, mine.keywords) == (theirs.func, theirs.args, theirs.keywords)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ps",
        "dump --help",
        "dump 0",
        "dump -1",
        "dump \u0661",
        "dump 0x10",
        "dump 4242 --jso",
        "dump --json --json",
        "dump 1 1",
        "dump 4242 --limit 5",
        "--version",
    ],
)
def test_all_else_is_left_to_typer(line: str) -> None:
    assert parse_dump(line.split()) is None
