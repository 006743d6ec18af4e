"""Copies of many ranges of a process, here of this one, into one buffer."""

from __future__ import annotations

import os
import threading
from array import array
from typing import Any, NoReturn

import pytest

from inspector.process.c_functions import process_vm_readv
from inspector.process.memory import ProcessMemory
from inspector.reader import heap_copy
from inspector.reader.heap_copy import PART, WORTH_A_THREAD, Buffer

SIZE = 1 << 13
NUMBER = 5 * PART

UNMAPPED = 8
"""An address at which nothing is."""


@pytest.fixture(scope="module")
def words() -> array[int]:
    """Return memory of which no two ranges are equal."""
    return array("Q", range(SIZE // 8 * NUMBER))


def copied(words: array[int], number: int, *, holes: tuple[int, ...] = ()) -> list[bytes | None]:
    """Copy ranges, in another order than they stand; some of them are not there."""
    start = words.buffer_info()[0]
    ranges = [(start + SIZE * (each * 7 % number), SIZE) for each in range(number)]
    for hole in holes:
        ranges[hole] = UNMAPPED, SIZE
    copy = Buffer().copy(ProcessMemory(os.getpid()), ranges)
    return [copy.piece(each) for each in range(number)]


def expected(words: array[int], number: int) -> list[bytes]:
    """Return the bytes of these ranges."""
    data = memoryview(words).cast("B")
    places = [SIZE * (each * 7 % number) for each in range(number)]
    return [bytes(data[place : place + SIZE]) for place in places]


@pytest.mark.parametrize("number", [1, PART, NUMBER])
def test_ranges_are_where_they_belong_whoever_copied_them(words: array[int], number: int) -> None:
    assert (number * SIZE >= WORTH_A_THREAD) is (number == NUMBER)
    assert copied(words, number) == expected(words, number)


def test_what_is_not_there_is_none_and_all_else_is_right(words: array[int]) -> None:
    holes = (3, PART + 1, NUMBER - 1)
    found = copied(words, NUMBER, holes=holes)
    right: list[bytes | None] = list(expected(words, NUMBER))
    for hole in holes:
        right[hole] = None
    assert found == right


def test_a_process_that_can_start_no_thread_copies_alone(
    words: array[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> NoReturn:
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert copied(words, NUMBER) == expected(words, NUMBER)


def test_what_a_hook_forbids_the_second_thread_is_copied_by_the_first(
    words: array[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = threading.get_ident()

    def refuse(*arguments: Any) -> int:  # noqa: ANN401 - of a C function
        if threading.get_ident() != caller:
            raise PermissionError
        return process_vm_readv(*arguments)

    monkeypatch.setattr(heap_copy, "process_vm_readv", refuse)
    assert copied(words, NUMBER) == expected(words, NUMBER)
