"""Header words to counts."""

from __future__ import annotations

import struct

import pytest

from inspector.cpython.refcount import decode_count, decode_header
from tests.heap import BIAS, DEFERRED

TYPE = 0x7F00_0000_1000


def words(shared: int, *, bits: int = 1, local: int = 0, tid: int = 0) -> bytes:
    """Return a header."""
    return struct.pack("<QHBBIqQ", tid, 0, 0, bits, local, shared, TYPE)


def test_an_immortal_object_has_no_count_whatever_its_other_words_say() -> None:
    found = decode_count(words(12 << 2, bits=DEFERRED, local=0xFFFF_FFFF))
    assert (found.state, found.net, found.bias, found.torn) == ("immortal", None, 0, False)
    assert decode_header(words(0, local=0xFFFF_FFFF)).immortal


@pytest.mark.parametrize(
    ("flags", "state", "extra"),
    [(0, "owned", 0), (1, "weakref", 0), (2, "queued", 1), (3, "merged", 0)],
)
def test_the_two_lowest_bits_are_a_state_and_the_rest_is_a_count(
    flags: int, state: str, extra: int
) -> None:
    found = decode_count(words(20 << 2 | flags, local=3, tid=77))
    assert (found.state, found.owner, found.local, found.shared) == (state, 77, 3, 20)
    assert found.bias == extra
    assert found.net == 23 - extra


def test_deferred_counting_adds_a_bias_that_nobody_holds() -> None:
    found = decode_count(words((BIAS + 4) << 2 | 3, bits=DEFERRED | 1, local=2))
    assert (found.bias, found.shared, found.net, found.torn) == (BIAS, BIAS + 4, 6, False)


def test_a_queued_deferred_object_loses_the_bias_and_the_reference_of_the_queue() -> None:
    assert decode_count(words((BIAS + 4) << 2 | 2, bits=DEFERRED)).net == 3


@pytest.mark.parametrize("shared", [-1, -5, -(2**40)])
def test_a_negative_shared_count_stays_negative(shared: int) -> None:
    found = decode_count(words(shared * 4 + 1, local=7))
    assert (found.state, found.shared, found.net) == ("weakref", shared, shared + 7)


def test_a_deferred_bit_without_its_constant_is_torn() -> None:
    assert decode_count(words(5 << 2, bits=DEFERRED)).torn
    assert decode_count(words((2 * BIAS) << 2 | 1)).torn
    assert not decode_count(words((BIAS - 2**40) << 2, bits=DEFERRED)).torn


def test_the_header_is_taken_apart_word_by_word() -> None:
    header = decode_header(struct.pack("<QHBBIqQ", 1, 2, 3, 4, 5, -6, 7))
    assert tuple(header) == (1, 2, 3, 4, 5, -6, 7)
    assert not header.deferred
