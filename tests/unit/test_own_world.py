"""The own world: what is read in a pause, and what is left of one that goes wrong."""

from __future__ import annotations

import ctypes
import mmap
from typing import TYPE_CHECKING

import pytest

from inspector.process.machine_code import find_address
from inspector.process.own_world import CannotStop, OwnWorld
from inspector.process.vectors import PAGE
from tests.support import free_threaded_only

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = free_threaded_only

PAGES = 8


@pytest.fixture
def ground() -> Iterator[tuple[mmap.mmap, int]]:
    """Yield some pages of the own memory, and their address."""
    pages = mmap.mmap(-1, PAGES * PAGE)
    pages[:] = bytes(range(256)) * (PAGES * PAGE // 256)
    pin = ctypes.c_char.from_buffer(pages)
    yield pages, ctypes.addressof(pin)
    del pin
    pages.close()


def test_pieces_from_all_over_are_read_at_once(ground: tuple[mmap.mmap, int]) -> None:
    pages, at = ground
    ranges = [(at + start, size) for size in (0, 1, 32, 5000) for start in range(0, 20_000, 9)]
    others = [(at + 3, 8), (0, 0), (at + PAGE - 4, 8)]
    expected = [pages[start - at : start - at + size] if size else b"" for start, size in ranges]
    world = OwnWorld()
    assert world.prepare(ranges, others) == [pages[3:11], b"", pages[PAGE - 4 : PAGE + 4]]
    assert world.pause_ns == 0
    for _ in range(3):
        pieces, rest, chains = world.read_all(ranges, others, [])
        assert pieces == expected
        assert rest == [pages[3:11], b"", pages[PAGE - 4 : PAGE + 4]]
        assert chains == []
        assert world.pause_ns > 0
    pages[9:18] = b"otherwise"
    assert world.read_many(ranges)[1 + 20_000 // 9 : 20_000 // 9 + 3] == [b"\0", b"o"]


@pytest.mark.parametrize("bad", [0, 8, 2**47, 2**63, 2**64 - 1, 2**70])
def test_what_cannot_be_read_is_none_and_nothing_else_is(
    ground: tuple[mmap.mmap, int], bad: int
) -> None:
    pages, at = ground
    ranges = [(at, 8), (bad, 16), (at + 100, 8)]
    world = OwnWorld()
    assert world.prepare(ranges, ranges) == [pages[:8], None, pages[100:108]]
    pieces, others, _ = world.read_all(ranges, ranges, [])
    assert pieces == others == [pages[:8], None, pages[100:108]]


def test_a_call_that_is_refused_later_is_named_and_nothing_is_stopped_any_more(
    ground: tuple[mmap.mmap, int],
) -> None:
    pages, at = ground
    world = OwnWorld()
    # Within the pause there may be no Python code: a function of C that moves nothing.
    world._gather = find_address(ctypes.PyDLL(None).getppid)
    with pytest.raises(CannotStop, match="this system refuses process_vm_writev"):
        world.read_many([(at + 40, 8), (at + 5000, 8)])
    assert world.refusal
    assert world.read(at + 40, 8) == pages[40:48]
