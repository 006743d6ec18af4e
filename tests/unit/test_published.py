"""Which interpreters are read, told by the block that CPython publishes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from inspector.cpython.published import read_published, version_text
from inspector.errors import (
    InspectorError,
    LayoutError,
    MemoryFault,
    NotFreeThreaded,
    NotPython,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNTIME = 0x10000


class Image:
    """A memory that has some bytes at one address."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of the image."""
        start = address - RUNTIME
        if start < 0 or start + size > len(self.data):
            raise MemoryFault(address, size)
        return self.data[start : start + size]

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Return bytes of the image for each range."""
        return [self.read(address, size) for address, size in ranges]


def block(version: int, free_threaded: int, *words: int, cookie: bytes = b"xdebugpy") -> Image:
    """Return a block of offsets that all are 8, but for those given."""
    rest = [*words, *[8] * (120 - len(words))]
    return Image(cookie + struct.pack("=122Q", version, free_threaded, *rest))


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (block(0x030E07F0, 0), NotFreeThreaded, "CPython 3.14.7 with the GIL built in"),
        (block(0x030D00F0, 0), NotFreeThreaded, "CPython 3.13.0 with the GIL built in"),
        (block(0x030D05F0, 1), UnsupportedVersion, "CPython 3.13.5 has no per-thread"),
        (block(0x030E07F0, 1, cookie=b"somewhat"), NotPython, "publishes its layout"),
        (block(0x04000000, 1), LayoutError, "expected CPython 3, found 0x4000000"),
        (block(0, 1), LayoutError, "expected CPython 3, found 0x0"),
        (block(0x030E07F0, 1, 0), LayoutError, "runtime_state.size: expected 1 to"),
        (block(0x030E07F0, 1, 2**62), LayoutError, "runtime_state.size: expected 1 to"),
        (block(0x030E07F0, 1, 8, 2**40), LayoutError, "runtime_state.finalizing"),
    ],
    ids=[
        *("gil", "gil-313", "3.13t", "no cookie", "version 4", "version 0"),
        *("no size", "huge size", "huge offset"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_block(
    image: Image, error: type[InspectorError], message: str
) -> None:
    with pytest.raises(error) as caught:
        read_published(image, RUNTIME, pid=4242)
    assert message in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("version", [0x030E00A1, 0x030E07F0, 0x030F00C2, 0x031000A0, 0x03FF00F0])
def test_free_threaded_versions_from_314_on_are_tried(version: int) -> None:
    assert read_published(block(version, 1), RUNTIME).version == version


def test_a_block_that_ends_early_is_a_memory_fault() -> None:
    image = block(0x030E07F0, 1)
    image.data = image.data[:100]
    with pytest.raises(MemoryFault):
        read_published(image, RUNTIME)


@pytest.mark.parametrize(
    ("version", "text"),
    [(0x030E07F0, "3.14.7"), (0x030F00C2, "3.15.0rc2"), (0x031000A4, "3.16.0a4")],
)
def test_versions_are_spelled_as_python_does(version: int, text: str) -> None:
    assert version_text(version) == text
