"""Which interpreters are read, told by the block that CPython publishes."""

from __future__ import annotations

import struct

import pytest

from inspector.cpython.published import read_published, spell_version
from inspector.errors import (
    InspectorError,
    LayoutError,
    MemoryFault,
    NotFreeThreaded,
    NotPython,
    UnsupportedVersion,
)
from tests.heap import offsets_of
from tests.image import Image
from tests.runtime import NEWER, V314, V315, both_versions


def block(
    version: int,
    *,
    free_threaded: int = 1,
    cookie: bytes = b"xdebugpy",
    changes: dict[str, int] | None = None,
    end: int = 1024,
) -> tuple[Image, int]:
    """Return a memory that has a block, and where."""
    words = offsets_of(version, changes or {}).values()
    data = cookie + struct.pack("<QQ", version, free_threaded)
    data += b"".join(word.to_bytes(8, "little") for word in words)
    image = Image()
    address = image.new(len(data[:end]), alone=True)
    image.write(address, data[:end])
    return image, address


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        (block(V314, free_threaded=0), NotFreeThreaded, "CPython 3.14.7 with the GIL built in"),
        (block(0x030D00F0, free_threaded=0), NotFreeThreaded, "CPython 3.13.0 with the GIL"),
        (block(0x030D05F0), UnsupportedVersion, "CPython 3.13.5 has no per-thread"),
        (block(V314, cookie=b"somewhat"), NotPython, "publishes its layout"),
        (block(0x02070EF0), LayoutError, "expected CPython 3, found 0x2070ef0"),
        (block(0x04000000), LayoutError, "expected CPython 3, found 0x4000000"),
        (block(0), LayoutError, "expected CPython 3, found 0x0"),
        (block(2**64 - 1), LayoutError, "expected CPython 3, found 0xffffffffffffffff"),
    ],
    ids=["gil", "gil-313", "3.13t", "no cookie", "version 2", "version 4", "0", "all bits"],
)
def test_what_cannot_be_read_is_told_by_its_block(
    found: tuple[Image, int], error: type[InspectorError], message: str
) -> None:
    with pytest.raises(error) as caught:
        read_published(*found, pid=4242)
    assert message in str(caught.value)
    assert caught.value.hint


LIES = {
    "runtime_state.size": 0,
    "interpreter_state.size": 2**62,
    "runtime_state.finalizing": 2**40,
    "thread_state.size": 2**63,
    "type_object.size": 1 << 13,
    "code_object.size": 0,
    "dict_object.size": 1 << 20,
    "unicode_object.size": 1 << 10,
    "interpreter_state.threads_head": 12288,
    "type_object.tp_flags": 456,
    "thread_state.status": 184,
    "thread_state.interp": 800,
    "interpreter_frame.previous": 16,
    "interpreter_frame.owner": 96,
    "interpreter_frame.stackpointer": 92,
    "unicode_object.length": 52,
    "unicode_object.state": 56,
    "dict_object.ma_values": 72,
    "gen_object.gi_iframe": 128,
}


@pytest.mark.parametrize("name", LIES)
@both_versions
def test_an_offset_that_cannot_be_is_told_by_its_name(version: int, name: str) -> None:
    with pytest.raises(LayoutError) as caught:
        read_published(*block(version, changes={name: LIES[name]}))
    assert caught.value.field == name
    assert caught.value.found
    assert caught.value.hint


@pytest.mark.parametrize("name", LIES)
def test_a_newer_version_that_does_not_fit_is_said_to_be_newer(name: str) -> None:
    with pytest.raises(UnsupportedVersion, match=r"CPython 3\.16\.0a0 is newer") as caught:
        read_published(*block(NEWER, changes={name: LIES[name]}), pid=4242)
    assert caught.value.pid == 4242
    assert "newer inspector" in caught.value.hint


@pytest.mark.parametrize("version", [0x030E00A1, V314, V315, NEWER, 0x03FF00F0])
def test_free_threaded_versions_from_314_on_are_tried(version: int) -> None:
    published = read_published(*block(version))
    assert published.version == version
    assert published.known == (version < NEWER)


def test_what_a_version_does_not_publish_is_told() -> None:
    published = read_published(*block(V314))
    assert published.minor == (3, 14)
    assert published.get("gc.generation_stats", 77) == 77
    with pytest.raises(LayoutError, match=r"gc\.generation_stats: .* none in 3\.14\.7"):
        published["gc.generation_stats"]


@pytest.mark.parametrize("end", [8, 24, 100, 24 + 8 * 88])
def test_a_block_that_ends_early_is_a_memory_fault(end: int) -> None:
    with pytest.raises(MemoryFault):
        read_published(*block(V314, end=end))


def test_no_memory_at_all_is_a_memory_fault() -> None:
    with pytest.raises(MemoryFault):
        read_published(Image(), 0x1000)


@pytest.mark.parametrize(
    ("version", "text"),
    [(V314, "3.14.7"), (V315, "3.15.0rc2"), (0x031000A4, "3.16.0a4"), (0x030E0AB1, "3.14.10b1")],
)
def test_versions_are_spelled_as_python_does(version: int, text: str) -> None:
    assert spell_version(version) == text
