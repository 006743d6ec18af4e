"""The table of threads that wait, in memory made by hand."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.cpython.parking_lot import (
    BUCKETS,
    BUCKETS_SIZE,
    Waiter,
    find_buckets,
    read_waiters,
)
from tests.image import Image

MUTEX = 0x7000_0000


class Lot:
    """A parking lot in memory made by hand, and a stack for wait entries."""

    def __init__(self, around: bytes = b"") -> None:
        self.image = Image()
        self.start = self.image.new(2 * len(around) + BUCKETS_SIZE, alone=True)
        self.address = self.start + len(around)
        self.stack = self.image.new(0x5000, alone=True)
        self.image.write(self.start, around + bytes(BUCKETS_SIZE) + around)
        for number in range(BUCKETS):
            self.fill(number, self.root(number), self.root(number), 0)

    def root(self, number: int) -> int:
        return self.address + 32 * number + 8

    def fill(self, number: int, first: int, last: int, waiters: int = 1) -> None:
        """Say what a bucket's list begins and ends with."""
        self.image.write(self.root(number), struct.pack("=3Q", first, last, waiters))

    def enter(self, place: int, address: int, following: int, previous: int = 0) -> int:
        """Put a wait entry on the stack; return its node."""
        entry = struct.pack("=QQ32xQQ", 0, address, following, previous)
        self.image.write(self.stack + place, entry)
        return self.stack + place + 48

    def waiters(self) -> list[Waiter]:
        table = self.image.read(self.address, BUCKETS_SIZE)
        return read_waiters(self.image, self.address, table)

    def find(self) -> list[int]:
        size = BUCKETS_SIZE + 2 * (self.address - self.start)
        return find_buckets(self.image, [(self.start, size)])


def test_a_table_is_found_among_other_data_whatever_stands_around_it() -> None:
    lot = Lot(around=struct.pack("=64Q", *range(64)))
    assert lot.find() == [lot.address]


def test_a_table_with_waiters_is_found_in_the_middle_of_a_change() -> None:
    lot = Lot()
    node = lot.enter(0, MUTEX, lot.root(7))
    lot.fill(7, node, node)
    lot.fill(9, node, lot.root(9))
    assert lot.find() == [lot.address]


@pytest.mark.parametrize(
    "full", [{0}, {BUCKETS - 1}, set(range(BUCKETS))], ids=["first", "last", "all"]
)
def test_a_table_whose_first_or_last_list_has_waiters_is_found(full: set[int]) -> None:
    lot = Lot(around=struct.pack("=64Q", *range(64)))
    for address in range(MUTEX, MUTEX + 8 * BUCKETS, 8):  # one of each bucket: 257 is prime
        number = address % BUCKETS
        if number not in full:
            continue
        node = lot.enter(64 * number, address, lot.root(number), lot.root(number))
        lot.fill(number, node, node)
    assert lot.find() == [lot.address]


def test_a_list_whose_waiter_belongs_elsewhere_makes_no_table() -> None:
    lot = Lot()
    node = lot.enter(0, MUTEX, lot.root(0), lot.root(0))
    assert MUTEX % BUCKETS
    lot.fill(0, node, node)
    assert lot.find() == []


def test_a_shorter_run_of_lists_is_no_table() -> None:
    lot = Lot()
    lot.image.write(lot.root(BUCKETS - 1), bytes(24))
    assert lot.find() == []


def test_waiters_of_one_list_are_told_in_order() -> None:
    lot = Lot()
    number = MUTEX % BUCKETS
    second = lot.enter(0x1000, MUTEX, lot.root(number))
    first = lot.enter(0, MUTEX, second)
    lot.fill(number, first, second, 2)
    assert lot.waiters() == [Waiter(lot.stack, MUTEX), Waiter(lot.stack + 0x1000, MUTEX)]


def test_an_entry_of_another_bucket_ends_its_list() -> None:
    lot = Lot()
    node = lot.enter(0, MUTEX, 0)
    lot.fill(MUTEX % BUCKETS + 1, node, node)
    assert lot.waiters() == []


def test_a_list_that_loops_ends() -> None:
    lot = Lot()
    node = lot.enter(0, MUTEX, lot.stack + 48)
    lot.fill(MUTEX % BUCKETS, node, node)
    assert lot.waiters() == [Waiter(lot.stack, MUTEX)]


@given(st.integers(1, BUCKETS - 1), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_a_table_that_lies_is_read_to_an_end(number: int, first: int, address: int) -> None:
    lot = Lot()
    node = lot.enter(0, address, first)
    lot.fill(number, first, node)
    lot.fill(0, node, node)
    for waiter in lot.waiters():
        assert waiter.address % BUCKETS in {number, 0}
