from __future__ import annotations

import gzip
import importlib
import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inspector.errors import FileError
from inspector.snapshots.documents import parse_snapshot
from inspector.snapshots.recording import (
    WHOLE_EVERY,
    RecordingReader,
    RecordingWriter,
    is_recording,
)
from tests.screen.builder import heap, large, row, snapshot, unread, use
from tests.support import received

if TYPE_CHECKING:
    from inspector.snapshots.heap import Histogram
    from inspector.snapshots.snapshot import Snapshot


def has_zstd() -> bool:
    """Whether this Python compresses with Zstandard."""
    try:
        importlib.import_module(
            "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        )
    except ImportError:
        return False
    return True


needs_zstd = pytest.mark.skipif(not has_zstd(), reason="this Python was built without libzstd")
SUFFIXES = ["jsonl", "jsonl.gz", pytest.param("jsonl.zst", marks=needs_zstd)]

HOSTILE = "app.\x1b[2J\u202e\ud800[bold]\n"


def readings(number: int) -> list[Snapshot]:
    """Return readings in which objects change, come, go, and cannot be told."""
    found = []
    for each in range(number):
        rows = [
            row("app.Same", local=3, deferred=2, stacks={1: 2}),
            row("app.Order", local=each, contributions={4242: each, 4243: -each}),
            row(HOSTILE, local=1, settled=False, bounds=(1, 4)),
        ]
        if each % 3:
            rows.append(row("app.Temporary", local=each))
        if each % 4 == 3:
            rows.append(unread("app.Unread"))
        found.append(snapshot(*rows, taken_ns=10**18 + each))
    return found


def test_a_heap_is_recorded_when_it_was_read_and_known_until_the_next(tmp_path: Path) -> None:
    path = str(tmp_path / "r.jsonl")
    order = row("app.Order", local=3)
    heaps = {
        1: heap(1, use("app.Order", 3), use("builtins.dict", 70), rss=1 << 20),
        2: heap(2, use("app.Order", 4), use("builtins.dict", 70), use("app.New", 1)),
        WHOLE_EVERY - 2: heap(9, use("app.Order", 5, attached=8), type_count=80, exact=False),
    }
    count = WHOLE_EVERY + 3
    with RecordingWriter(path, {}) as writer:
        for number in range(count):
            writer.add(snapshot(order, taken_ns=number, heap=heaps.get(number)))
    latest: list[Histogram | None] = [None]
    for number in range(1, count):
        latest.append(heaps.get(number, latest[-1]))
    with RecordingReader(path) as reader:
        assert [reader.read(number).heap for number in range(count)] == latest
    for number in (WHOLE_EVERY + 1, 1, WHOLE_EVERY, 0):
        with RecordingReader(path) as reader:
            assert reader.read(number).heap == latest[number]
    sizes = [len(line) for line in Path(path).read_bytes().splitlines()[1:]]
    assert sizes[3] == sizes[4] < sizes[2] < sizes[1]


ODD = [None, 5, "x", [], {}, [[1]], {"types": 1}]


@pytest.mark.parametrize("place", ["", "types", "gone", "target", "taken_ns", "exactness"])
def test_a_heap_that_is_none_is_a_damaged_reading(tmp_path: Path, place: str) -> None:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(str(path), {}) as writer:
        writer.add(snapshot(row("app.Order"), heap=heap(1, use("app.Order", 3))))
    head, line = (json.loads(line) for line in path.read_text().splitlines())
    for odd in ODD:
        document = {**line, "heap": {**line["heap"], place: odd} if place else odd}
        path.write_text("".join(json.dumps(each) + "\n" for each in (head, document)))
        with RecordingReader(str(path)) as reader:
            try:
                found = reader.read(0)
            except FileError as error:
                assert "reading 1 is damaged" in str(error)  # noqa: PT017 - others are no fault
                continue
        assert found.heap is None or isinstance(found.heap.instances, int)


def test_a_recording_of_a_release_that_read_no_heap_is_played(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(str(path), {}) as writer:
        for each in readings(4):
            writer.add(each)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[0]["heap_columns"]
    for line in lines[1:]:
        del line["heap"], line["reading"]["why_no_heap"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with RecordingReader(str(path)) as reader:
        assert [reader.read(number).rows for number in range(4)] == [
            each.rows for each in readings(4)
        ]
        assert reader.read(3).heap is None


def contents(whole: Snapshot) -> tuple[object, ...]:
    """Return a snapshot without the order of its rows."""
    head = whole.as_dict()
    del head["objects"]
    return (head, sorted(map(repr, whole.rows)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_recorded_is_what_is_read_from_any_place(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"r.{suffix}")
    written = readings(2 * WHOLE_EVERY + 5)
    with RecordingWriter(path, {"evidence": []}) as writer:
        for each in written:
            writer.add(each)
    assert is_recording(path)
    with RecordingReader(path) as reader:
        assert len(reader) == len(written)
        for number in (0, 1, 2, len(written) - 1, WHOLE_EVERY - 1, WHOLE_EVERY, 7, 6, 70):
            assert contents(reader.read(number)) == contents(written[number])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_that_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r.{suffix}"
    with RecordingWriter(str(path), {}) as writer:
        writer.add(readings(1)[0])
    assert writer.size == path.stat().st_size


def test_a_pipe_gets_all_whatever_signals_come(tmp_path: Path) -> None:
    with RecordingWriter(str(tmp_path / "r.jsonl"), {}) as writer:
        writer.add(large())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(received, pipe, 1, signal.SIGUSR1)
            with RecordingWriter(str(pipe), {}, force=True) as writer:
                writer.add(large())
            assert result.result() == (tmp_path / "r.jsonl").read_bytes()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert writer.size == (tmp_path / "r.jsonl").stat().st_size


def test_a_reading_in_which_nothing_changed_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(str(path), {}) as writer:
        for _ in range(3):
            writer.add(snapshot(row("app.Order", local=4)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [len(line["rows"]) for line in lines[1:]] == [1, 0, 0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_wherever_a_file_is_cut_off_every_reading_but_the_last_is_there(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"r.{suffix}"
    sizes = []
    with RecordingWriter(str(path), {}) as writer:
        for each in readings(8):
            writer.add(each)
            sizes.append(path.stat().st_size)  # it is in the file before the next one begins
    whole = path.read_bytes()
    torn = tmp_path / f"torn.{suffix}"
    for complete in range(1, 8):
        for end in (sizes[complete - 1], sizes[complete] - 1):
            torn.write_bytes(whole[:end])
            with RecordingReader(str(torn)) as reader:
                # What a compressor ends a piece with is no part of the line.
                assert len(reader) in (
                    {complete, complete + 1} if suffix != "jsonl" else {complete}
                )
                reader.read(complete - 1)


def test_a_recording_is_not_overwritten_unless_told_to(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("mine")
    with pytest.raises(FileError, match="exists") as caught:
        RecordingWriter(str(path), {})
    assert "--force" in caught.value.hint
    assert path.read_text() == "mine"
    with RecordingWriter(str(path), {}, force=True) as writer:
        writer.add(readings(1)[0])
    assert is_recording(str(path))


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"[1]\n", b"\x00\xff\n", b'{"inspector": "recording", "format": 99}\n'],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.jsonl"
    for data in (content, gzip.compress(content)):
        path.write_bytes(data)
        with pytest.raises(FileError):
            RecordingReader(str(path))


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_a_compressed_file_that_is_damaged_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r.{suffix}"
    with RecordingWriter(str(path), {}) as writer:
        for each in readings(8):
            writer.add(each)
    whole = path.read_bytes()
    path.write_bytes(whole[:30] + bytes(40) + whole[70:])
    for look in (is_recording, RecordingReader):
        with pytest.raises(FileError, match="cannot read"):
            look(str(path))


def test_a_python_without_zstd_says_what_else_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    path = tmp_path / "r.jsonl.zst"
    with pytest.raises(FileError, match="no zstd") as caught:
        RecordingWriter(str(path), {})
    assert "use .gz" in caught.value.hint
    assert not path.exists()


def test_a_damaged_line_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(str(path), {}) as writer:
        for each in readings(4):
            writer.add(each)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:-20] + b"#" * 19 + b"\n"
    path.write_bytes(b"".join(lines))
    with RecordingReader(str(path)) as reader:
        reader.read(1)
        with pytest.raises(FileError, match="reading 3 is damaged"):
            reader.read(3)


def test_a_snapshot_survives_its_json_document() -> None:
    [whole] = readings(1)
    assert parse_snapshot(json.loads(json.dumps(whole.as_dict()))) == whole
