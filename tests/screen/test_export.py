from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len

from inspector.errors import FileError
from inspector.screen.dashboard.state import Size, State, add_snapshot
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from inspector.screen.dashboard.watch_options import SUFFIXES
from inspector.screen.export import export_text, write_export
from tests.screen.boards import board
from tests.screen.builder import row, snapshot

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "app.<script>alert(1)</script>|[red]\x1b[2J`*_\n=cmd"


def hostile() -> State:
    whole = snapshot(row(HOSTILE, local=3), row("=HYPERLINK(1)", local=2))
    return add_snapshot(State(size=Size(160, 12)), whole)


def test_a_picture_is_well_formed_and_asks_nobody_for_anything() -> None:
    for state in (board(), hostile()):
        text = export_text(state, "x.svg")
        root = ET.fromstring(text)  # noqa: S314 - our own picture
        assert root.tag.endswith("svg")
        assert not re.search(r"url\([^#)]|<script|href", text)
    assert "app.Order" in export_text(board(), "x.svg")


def test_each_word_of_a_picture_stands_where_its_cells_are() -> None:
    cell = 12.2
    state = board()
    root = ET.fromstring(export_text(state, "x.svg"))  # noqa: S314 - our own picture
    lines: dict[str, list[str]] = {}
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        if "clip-path" not in text.attrib:
            continue  # the title
        word = text.text or ""
        assert word.split() == [word]
        assert float(text.attrib["textLength"]) == pytest.approx(cell * cell_len(word), abs=0.1)
        line = lines.setdefault(text.attrib["y"], [])
        place = round(float(text.attrib["x"]) / cell)
        shown = "".join(line)
        line.append(" " * (place - cell_len(shown)) + word)
    drawn = ["".join(line) for line in lines.values()]
    expected = [str(line).rstrip() for line in screen_lines(clamp_scroll(state))]
    assert drawn == [line for line in expected if line]


def test_a_page_holds_no_markup_of_the_target() -> None:
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            del attrs
            tags.add(tag)

    Tags().feed(export_text(hostile(), "x.html"))
    assert "script" not in tags
    assert "span" in tags


def test_a_document_has_every_row_that_matches_with_its_growth() -> None:
    state = board()
    document = json.loads(export_text(state, "x.json"))
    assert document["target"]["pid"] == 4242
    order = next(each for each in document["objects"] if each["name"] == "app.Order")
    assert (order["total"], order["growth"], order["rate"]) == (452, 450, 90.0)
    assert (order["verdict"], order["evidence"]["total"]) == ("growing", 450)
    assert order["advice"].startswith("references rise")
    match = next(each for each in document["objects"] if each["name"] == "re.Match")
    assert (match["updates_per_second"], match["threads"]) == (7.0, 1)
    # Of readings there is no share of samples.
    assert match["heat"] is None
    assert json.loads(export_text(hostile(), "x.json"))["objects"][0]["name"] == HOSTILE


def test_a_table_for_spreadsheets_holds_no_formula() -> None:
    rows = list(csv.DictReader(StringIO(export_text(hostile(), "x.csv"))))
    assert [each["total"] for each in rows] == ["3", "2"]
    assert rows[1]["name"] == "'=HYPERLINK(1)"
    assert "\x1b" not in rows[0]["name"]


def test_a_table_in_markdown_has_a_line_per_row() -> None:
    lines = export_text(hostile(), "x.md").splitlines()
    assert len(lines) == 4
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 9 for line in lines)
    assert "<script" not in lines[2]


def test_an_export_without_a_reading_is_empty_and_no_error() -> None:
    texts = {suffix: export_text(State(), f"x{suffix}") for suffix in SUFFIXES}
    assert texts[".json"] == "{}\n"
    assert len(texts[".csv"].splitlines()) == 1
    assert len(texts[".md"].splitlines()) == 2
    assert ET.fromstring(texts[".svg"]).tag.endswith("svg")  # noqa: S314 - our own
    assert "no reading yet" in texts[".html"]


def test_a_name_without_a_known_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="none of"):
        write_export(board(), str(tmp_path / "x.png"))
    with pytest.raises(FileError, match="cannot write"):
        write_export(board(), str(tmp_path / "missing" / "x.md"))


def test_colours_of_the_environment_do_not_change_a_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = replace(board(), size=Size(100, 20))
    before = export_text(state, "x.svg")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert export_text(state, "x.svg") == before
