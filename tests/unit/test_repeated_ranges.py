"""Ranges that are read again and again, of the own process, while their bytes change."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
from typing import TYPE_CHECKING

import pytest

from inspector.process.c_functions import process_vm_readv
from inspector.process.memory import ProcessMemory
from inspector.process.repeated_ranges import (
    BLOCK,
    MAX_SETS,
    BlockwiseRanges,
    DoubleBufferedRanges,
    RangesCache,
)
from inspector.process.vectors import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspector.process.vectors import Range

PAGES = 100
MANY = 512
NO_RIGHTS = 0
"""``PROT_NONE``."""


class Ground:
    """Bytes of the own process that a test changes, and ranges of them."""

    def __init__(self) -> None:
        self.bytes = mmap.mmap(-1, PAGES * PAGE)
        self.pin = ctypes.c_char.from_buffer(self.bytes)
        self.at = ctypes.addressof(self.pin)

    def close(self) -> None:
        """Give it back."""
        del self.pin
        self.bytes.close()

    def now(self, ranges: list[Range]) -> list[bytes]:
        """Return what stands there."""
        return [self.bytes[at - self.at : at - self.at + size] for at, size in ranges]


@pytest.fixture
def ground() -> Iterator[Ground]:
    made = Ground()
    yield made
    made.close()


def many(ground: Ground, chance: random.Random) -> list[Range]:
    """Return more ranges than are taken for a few, of all kinds of sizes."""
    return [
        (ground.at + chance.randrange((PAGES - 4) * PAGE), chance.choice([0, 8, 32, 960, 3 * PAGE]))
        for _ in range(MANY)
    ]


def in_blocks(ranges: list[Range]) -> list[bytes | None]:
    """Read ranges of the own process that were read before, block after block."""
    return memory.read_again(ranges)


def at_once(ranges: list[Range]) -> list[bytes | None]:
    """Read ranges of the own process that were read before, in one go."""
    one = latest.find_or_make(ranges)
    for call, size in zip(one.next.calls, one.next.lengths, strict=True):
        assert process_vm_readv(os.getpid(), *call, 0) == size
    return one.pieces()


memory = ProcessMemory()
latest = RangesCache(DoubleBufferedRanges)


@pytest.mark.parametrize("read", [in_blocks, at_once])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_changes_between_two_readings_is_seen(
    ground: Ground, seed: int, read: Callable[[list[Range]], list[bytes | None]]
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test that runs the same each time
    ranges = many(ground, chance)
    before = read(ranges)
    for _ in range(12):
        for _ in range(chance.choice([0, 1, 3, 200])):
            ground.bytes[chance.randrange(PAGES * PAGE)] = chance.randrange(256)
        now = read(ranges)
        assert now == ground.now(ranges)
        assert all((a is b) == (a == b) for a, b in zip(before, now, strict=True))
        before = now


@pytest.mark.parametrize("read", [in_blocks, at_once])
@pytest.mark.parametrize("calls", range(1, 4))
def test_an_interrupted_reading_does_not_spoil_the_next(
    ground: Ground,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[list[Range]], list[bytes | None]],
    calls: int,
) -> None:
    ranges = [(ground.at + PAGE * number, 8) for number in range(4)]
    read(ranges)
    ground.bytes[0:8] = ground.bytes[PAGE : PAGE + 8] = b"changed!"
    left = [calls]

    def interrupt(function: Callable[..., int], *arguments: int) -> int:
        """Return as a call does, right behind which a signal handler raises."""
        result = function(*arguments)
        left[0] -= 1
        if not left[0]:
            raise TimeoutError
        return result

    with monkeypatch.context() as patch:
        patch.setattr("inspector.process.repeated_ranges.make_call", interrupt)
        with pytest.raises(TimeoutError):
            read(ranges)
    assert read(ranges) == ground.now(ranges)


def test_a_list_that_was_returned_stays_as_it_is(ground: Ground) -> None:
    memory = ProcessMemory()
    ranges = [(ground.at + 8 * number, 8) for number in range(MANY)]
    before = memory.read_again(ranges)
    ground.bytes[0:8] = b"changed!"
    after = memory.read_again(ranges)
    assert before[0] == bytes(8)
    assert after[0] == b"changed!"
    before[1] = None
    assert memory.read_again(ranges) == after


def test_a_reading_that_finds_a_hole_does_not_spoil_the_next(ground: Ground) -> None:
    memory = ProcessMemory()
    ranges = [(ground.at + 64 * number, 8) for number in range(MANY)]
    first = memory.read_again(ranges)
    libc = ctypes.CDLL(None)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert not libc.mprotect(ground.at + PAGE, PAGE, NO_RIGHTS)
    ground.bytes[0:8] = b"changed!"
    try:
        torn = memory.read_again(ranges)
    finally:
        assert not libc.mprotect(ground.at + PAGE, PAGE, mmap.PROT_READ | mmap.PROT_WRITE)
    assert torn[0] == b"changed!"
    assert torn[PAGE // 64] is None
    ground.bytes[0:8] = b"anew now"
    assert memory.read_again(ranges) == [b"anew now", *first[1:]]


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_a_range_may_end_where_a_block_does(ground: Ground, size: int) -> None:
    ranges = [
        (ground.at + 5, size),
        (ground.at + 2 * BLOCK, 8),
        (ground.at + size, 3),
    ]
    for change in range(4):
        ground.bytes[5 + size - 1] = change
        assert memory.read_again(ranges) == ground.now(ranges)


def test_several_sets_of_ranges_are_kept_beside_each_other(ground: Ground) -> None:
    vectors = RangesCache(BlockwiseRanges)
    sets = [[(ground.at + 8 * n, 8) for n in range(start, start + 600)] for start in range(6)]
    made = [vectors.find_or_make(ranges) for ranges in sets[:MAX_SETS]]
    assert [vectors.find_or_make(list(ranges)) for ranges in sets[:MAX_SETS]] == made
    vectors.find_or_make(sets[-1])
    assert vectors.find_or_make(sets[1]) is made[1]
    assert vectors.find_or_make(sets[0]) is not made[0]


def test_steady_vectors_hold_as_many_objects_at_any_time(ground: Ground) -> None:
    vectors = RangesCache(DoubleBufferedRanges, steady=True)

    def held() -> list[int]:
        return [len({id(each.next), id(each._last)}) for each in vectors._kept]

    seen = [held()]
    for start in range(3):
        for _ in range(3):
            each = vectors.find_or_make([(ground.at + 8 * n, 8) for n in range(start, start + 600)])
            each.pieces()
            seen.append(held())
    assert seen == [[2]] * len(seen)
