"""What rose between readings of a heap, and what only warmed up."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from inspector.analysis.heap_change import Earlier, compare_histograms
from inspector.errors import FileError
from inspector.screen.histogram import histogram_view
from inspector.screen.histogram_export import HISTOGRAM_SUFFIXES, export_histogram
from inspector.screen.selected_types import TypeSelection, select_types
from inspector.snapshots.heap_files import read_histogram
from inspector.snapshots.recording import RecordingWriter
from tests.screen.builder import heap, row, snapshot, use

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.snapshots.heap import Histogram, TypeUse


def changes(now: Histogram, *earlier: Histogram) -> dict[str, TypeUse]:
    return {each.name: each for each in compare_histograms(now, Earlier(*earlier)).types}


def test_a_baseline_tells_what_came_what_went_and_what_stayed() -> None:
    before = heap(1, use("app.Order", 10), use("app.Gone", 4), use("app.Same", 5))
    found = changes(heap(2, use("app.Order", 25), use("app.New", 3), use("app.Same", 5)), before)
    assert {name: (each.delta, each.delta_bytes) for name, each in found.items()} == {
        "app.Order": (15, 480),
        "app.New": (3, 96),
        "app.Same": (0, 0),
        "app.Gone": (-4, -128),
    }
    assert (found["app.Gone"].instances, found["app.Gone"].bytes) == (0, 0)
    assert {each.growing for each in found.values()} == {None}


def test_names_give_way_before_figures_do() -> None:
    states = [heap(n, use("app." + "Long" * 30, 10_000_000 * n)) for n in (1, 2, 3)]
    earlier = Earlier(states[0], states[1])
    compared = compare_histograms(states[2], earlier)
    chosen = select_types(compared, TypeSelection("delta"), None)
    stream = io.StringIO()
    console = Console(width=100, file=stream)
    console.print(histogram_view(chosen, states[2], "delta", earlier))
    text = stream.getvalue()
    assert "app.Long" in text
    for figure in ("+20,000,000", "+10,000,000", "30,000,000", "SINCE TARGET", "growing"):
        assert figure in text


def test_what_rises_in_both_steps_grows_and_warm_up_does_not() -> None:
    states = [
        heap(
            number,
            use("app.Leak", 10 * number),
            use("app.Cache", 9000 if number > 1 else 0),
            use("app.Late", 9000 if number > 2 else 0),
            use("app.Few", number),
            use("app.Shrinks", 100 - 20 * number),
            use("builtins.list", 1, attached=10_000 * number),
        )
        for number in (1, 2, 3)
    ]
    compared = compare_histograms(states[2], Earlier(states[0], states[1]))
    found = {each.name: each for each in compared.types}
    assert {name for name, each in found.items() if each.growing} == {"app.Leak", "builtins.list"}
    assert found["app.Leak"].steps == (10, 10)
    assert found["app.Cache"].steps == (9000, 0)
    ranked = select_types(compared, TypeSelection("delta"), None).histogram.types
    assert [each.name for each in ranked[:3]] == ["app.Leak", "builtins.list", "app.Cache"]
    assert ranked[-1].name == "app.Shrinks"


def test_a_type_that_a_baseline_does_not_list_is_unknown_and_not_new() -> None:
    before = heap(1, use("app.Order", 10), type_count=90)
    found = changes(heap(2, use("app.Order", 10), use("app.Line", 3)), before)
    assert (found["app.Order"].delta, found["app.Line"].delta) == (0, None)
    both = changes(heap(3, use("app.Line", 3)), before, heap(2, use("app.Line", 1)))
    assert (both["app.Line"].delta, both["app.Line"].steps) == (None, (None, 2))
    assert both["app.Line"].growing is None


def test_types_of_two_processes_are_matched_by_name_and_summed_up() -> None:
    before = heap(1, use("app.Order", 10, address=16), pid=8)
    now = heap(2, use("app.Order", 10, address=32), use("app.Order", 7, address=48, attached=5))
    assert [(each.name, each.delta, each.attached) for each in changes(now, before).values()] == [
        ("app.Order", 7, 5)
    ]


@pytest.mark.parametrize("suffix", HISTOGRAM_SUFFIXES)
def test_every_export_names_the_types_and_documents_are_read_again(
    suffix: str, tmp_path: Path
) -> None:
    path = str(tmp_path / f"heap{suffix}")
    whole = heap(1, use("app.Order", 10), use("=cmd", 5), use("app.Line", 1), rss=5 << 20)
    if suffix == ".json.zst":
        pytest.importorskip("compression.zstd")
    export_histogram(whole, TypeSelection("instances", limit=2), None, path)
    if ".json" in suffix:
        again = read_histogram(path)
        assert again == whole._replace(types=whole.types[:2], type_count=3)
        assert not again.is_complete
        return
    text = (tmp_path / f"heap{suffix}").read_text()
    assert "app.Order" in text.replace("\\.", ".").replace("&#160;", " ")
    assert "app.Line" not in text
    if suffix == ".csv":
        assert "'=cmd" in text


BROKEN = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[1]",
    "another document": b'{"exact": true}',
    "a type without a number": json.dumps(
        heap(1, use("app.Order", 1)._replace(instances=None)).as_dict()  # type: ignore[arg-type]
    ).encode(),
    "a time that is none": json.dumps({**heap(1).as_dict(), "taken_ns": "noon"}).encode(),
    "torn": gzip.compress(b'{"types": [' * 99)[:40],
    "nested": b'{"types":' * 100_000,
}


def test_a_recording_and_a_dump_with_instances_are_baselines_too(tmp_path: Path) -> None:
    whole = heap(3, use("app.Order", 10))
    counted = snapshot(row("app.Order", local=3))
    recording, dump = str(tmp_path / "r.jsonl"), tmp_path / "d.json"
    with RecordingWriter(recording, {}) as writer:
        writer.add(counted._replace(heap=heap(1, use("app.Order", 2))))
        writer.add(counted._replace(heap=whole))
    dump.write_text(json.dumps(counted._replace(heap=whole).as_dict()))
    assert read_histogram(recording) == read_histogram(str(dump)) == whole
    dump.write_text(json.dumps(counted.as_dict()))
    with pytest.raises(FileError, match="the heap was not read"):
        read_histogram(str(dump))


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_histogram_is_one_error(case: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(BROKEN[case])
    with pytest.raises(FileError, match="not a document of histo --json") as failure:
        read_histogram(str(path))
    assert "histo PID --json" in failure.value.hint
