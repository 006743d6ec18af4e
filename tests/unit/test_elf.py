"""Section headers are read from files that may say anything."""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING

import pytest

from inspector.process.elf import Section, find_section, is_32_bit
from inspector.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

NAMES = b"\0.shstrtab\0.PyRuntime\0.PyRuntimes\0"
TABLE, NAMES_AT = 64, 64 + 3 * 64


def program(**changes: int) -> bytes:
    """Return a file with three sections: none, the names, and the one looked for."""
    fields = {
        "class": 2,
        "order": 1 if sys.byteorder == "little" else 2,
        "table": TABLE,
        "entry_size": 64,
        "count": 3,
        "names": 1,
        "names_offset": NAMES_AT,
        "names_size": len(NAMES),
        "kind": 1,
        "name": NAMES.index(b".PyRuntime"),
    } | changes
    header = struct.pack("=4sBB10xHHIQQQIHHHHHH", b"\x7fELF", fields["class"], fields["order"],
                         3, 62, 1, 0, 0, fields["table"], 0, 64, 56, 0,
                         fields["entry_size"], fields["count"], fields["names"])  # fmt: skip
    sections = [
        (0,) * 10,
        (1, 3, 0, 0, fields["names_offset"], fields["names_size"], 0, 0, 1, 0),
        (fields["name"], fields["kind"], 3, 0x5000, 0x4000, 0x123, 0, 0, 64, 0),
    ]
    return header + b"".join(struct.pack("=IIQQQQIIQQ", *each) for each in sections) + NAMES


def look(folder: Path, content: bytes) -> Section | None:
    path = folder / "program"
    path.write_bytes(content)
    handle = open_regular(str(path))
    try:
        return find_section(handle, b".PyRuntime")
    finally:
        os.close(handle)


def test_a_section_is_found_by_its_whole_name(tmp_path: Path) -> None:
    assert look(tmp_path, program()) == Section(0x4000, 0x123)
    longer = NAMES.index(b".PyRuntimes")
    assert look(tmp_path, program(name=longer)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"class": 1},
        {"order": 3},
        {"table": 0},
        {"table": 2**64 - 1},
        {"table": 2**40},
        {"entry_size": 40},
        {"count": 0},
        {"count": 2},
        {"names": 2**16 - 1},
        {"names_offset": 2**63},
        {"names_size": 0},
        {"name": 2**32 - 1},
        {"kind": 8},
    ],
    ids=str,
)
def test_a_lie_in_a_header_is_no_section(tmp_path: Path, changes: dict[str, int]) -> None:
    assert look(tmp_path, program(**changes)) is None


def test_a_size_beyond_the_file_reads_what_there_is(tmp_path: Path) -> None:
    assert look(tmp_path, program(count=2**16 - 1, names_size=2**64 - 1)) is not None


@pytest.mark.parametrize("size", [0, 3, 63, 64, 100, 200])
def test_a_file_that_ends_early_has_no_section(tmp_path: Path, size: int) -> None:
    assert look(tmp_path, program()[:size]) is None


def test_the_width_of_a_program_is_in_its_fifth_byte(tmp_path: Path) -> None:
    for bits, narrow in ((1, True), (2, False)):
        path = tmp_path / "program"
        path.write_bytes(program(**{"class": bits}))
        handle = open_regular(str(path))
        assert is_32_bit(handle) is narrow
        os.close(handle)


@pytest.mark.parametrize("kind", ["fifo", "device", "directory", "missing", "link to a fifo"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    """A FIFO that is opened for reading would wait for a writer."""
    path = tmp_path / "name"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link to a fifo":
        os.mkfifo(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - the list itself opens one more
    with pytest.raises(OSError, match=r"regular file|No such file"):
        open_regular("/dev/zero" if kind == "device" else str(path))
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208 - as above


def test_a_name_that_changes_its_meaning_after_the_check_opens_what_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"checked")
    look_at = os.fstat

    def swapped(descriptor: int) -> os.stat_result:
        facts = look_at(descriptor)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        return facts

    monkeypatch.setattr("inspector.process.proc.os.fstat", swapped)
    handle = open_regular(str(path))
    monkeypatch.undo()
    assert os.read(handle, 10) == b"checked"
    os.close(handle)
