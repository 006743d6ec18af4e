"""A version that is newer than all that are known: tried, and refused if it does not fit."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from inspector.errors import MemoryFault, UnsupportedVersion
from inspector.process.other import OtherProcess
from inspector.reader.discovery import find_layout
from tests.live.puppets import Puppet
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory

FUTURE = 0x031000F0
"""3.16.0, whose block is taken to be like that of 3.15."""


class Patched:
    """The memory of a process in which one word says something else."""

    def __init__(self, memory: Memory, address: int, word: int) -> None:
        self.memory, self.address, self.word = memory, address, struct.pack("=Q", word)

    def read(self, address: int, size: int) -> bytes:
        """Read, with the word in place."""
        (piece,) = self.read_many([(address, size)])
        if piece is None:
            raise MemoryFault(address, size)
        return piece

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read all ranges, with the word in place."""
        pieces = self.memory.read_many(ranges)
        for number, ((start, size), piece) in enumerate(zip(ranges, pieces, strict=True)):
            at = self.address - start
            if piece is not None and 0 <= at <= size - 8:
                pieces[number] = piece[:at] + self.word + piece[at + 8 :]
        return pieces


@pytest.mark.parametrize("version", interpreters())
def test_an_unknown_version_is_read_if_it_validates_and_refused_if_not(version: str) -> None:
    with Puppet(python_of(version)) as target:
        process = OtherProcess(target.pid)
        known, _ = find_layout(process, 0)
        process.memory = Patched(process.memory, process.runtime + 8, FUTURE)  # type: ignore[assignment]
        if known.published.minor == (3, 15):
            layout, _ = find_layout(process, 0)
            assert layout.published.version == FUTURE
            assert layout.offsets == known.offsets
        else:
            with pytest.raises(UnsupportedVersion, match=r"CPython 3\.16\.0 is newer") as caught:
                find_layout(process, 0)
            assert caught.value.hint == "install a newer inspector"
