"""Rings of blocks that were freed and wait, laid out by hand."""

from __future__ import annotations

import pytest

from inspector.cpython.delayed_frees import (
    CHUNK_SIZE,
    ITEMS,
    MovedOn,
    find_queues,
    read_delayed_frees,
)
from tests.image import Image

ITSELF = 1


class Ring:
    """A head, and chunks of so many items each, of which some were already freed."""

    def __init__(self, image: Image, *sizes: int, first: int = 0) -> None:
        self.image = image
        # has_work and a mutex are before the head.
        self.state = image.new(64)
        self.head = self.state + 16
        self.chunks = [image.new(CHUNK_SIZE) for _ in sizes]
        nodes = [self.head, *self.chunks]
        image.put(self.state + 8, bool(sizes))
        for number, node in enumerate(nodes):
            image.put(node, nodes[(number + 1) % len(nodes)], nodes[number - 1])
        for chunk, size in zip(self.chunks, sizes, strict=True):
            image.put(chunk + 16, first, size)
            for number in range(size):
                # Every fifth is an object of which a reference is given up.
                tag = number % 5 == 4
                image.put(chunk + 32 + 16 * number, self.block(chunk, number) | tag, 7)

    @staticmethod
    def block(chunk: int, number: int) -> int:
        """Return the address of a block that waits."""
        return chunk << 12 | number << 4

    def read(self) -> list[int]:
        """Return what waits."""
        return read_delayed_frees(self.image, [self.head], self.chunks.__contains__)


def test_blocks_of_all_chunks_wait_but_not_objects_and_those_already_freed() -> None:
    ring = Ring(Image(), ITEMS, 7, first=3)
    expected = [
        ring.block(chunk, number)
        for chunk, size in zip(ring.chunks, (ITEMS, 7), strict=True)
        for number in range(3, size)
        if number % 5 != 4
    ]
    assert ring.read() == expected
    assert Ring(Image()).read() == []


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, ITSELF), (0, 0), (8, 0), (16, -1), (24, ITEMS + 1), (24, 1 << 62), (16, 6)],
)
def test_a_ring_that_leads_elsewhere_or_lies_is_not_followed(place: int, value: int) -> None:
    ring = Ring(Image(), 5, 5)
    chunk = ring.chunks[0]
    ring.image.put(chunk + place, chunk if value == ITSELF else value)
    with pytest.raises(MovedOn):
        ring.read()


def test_the_ring_of_an_interpreter_is_found_by_chunks_that_lead_back() -> None:
    image = Image()
    ring = Ring(image, 5, 5)
    is_chunk = ring.chunks.__contains__
    assert find_queues(image, ring.state, 64, is_chunk) == [ring.head]
    image.put(ring.chunks[1], 0)
    assert find_queues(image, ring.state, 64, is_chunk) == []
    empty = Ring(image)
    assert find_queues(image, empty.state, 64, is_chunk) == []
