"""What deques say of their blocks: (size, first and last block, indices in them, spare blocks)."""

from __future__ import annotations

import pytest

from inspector.cpython.deques import count_deque_blocks

LEFT, RIGHT = 0x2000, 0x3000
MOST = 1000
EMPTY = (0, LEFT, LEFT, 32, 31, 0)


@pytest.mark.parametrize(
    ("deque", "blocks"),
    [
        (EMPTY, 1),
        ((1, LEFT, LEFT, 32, 32, 0), 1),
        ((32, LEFT, LEFT, 32, 63, 0), 1),
        ((33, LEFT, RIGHT, 32, 0, 0), 2),
        ((100, LEFT, RIGHT, 32, 3, 16), 3 + 16),
        ((64, LEFT, LEFT, 0, 63, 0), 1),
    ],
)
def test_blocks_follow_from_size_and_indices(deque: tuple[int, ...], blocks: int) -> None:
    found = count_deque_blocks([deque], MOST)
    assert found is not None
    assert [(each.address, each.blocks) for each in found] == [(LEFT, blocks)]


@pytest.mark.parametrize(
    "strange",
    [
        (1, LEFT, RIGHT, 32, 32, 0),
        (33, LEFT, LEFT, 32, 0, 0),
        (1, LEFT, LEFT, 64, 0, 0),
        (1, LEFT, LEFT, 32, 33, 0),
        (1, LEFT, LEFT, 32, 32, 17),
        (1 << 62, LEFT, RIGHT, 32, 31, 0),
        (64 * MOST, LEFT, RIGHT, 32, 31, 0),
    ],
)
def test_what_is_no_deque_has_no_blocks_and_a_moving_one_has_one(strange: tuple[int, ...]) -> None:
    assert count_deque_blocks([strange, EMPTY, EMPTY], MOST) is None
    found = count_deque_blocks([strange, *[EMPTY] * 20], MOST)
    assert found is not None
    assert {each.blocks for each in found} == {1}
