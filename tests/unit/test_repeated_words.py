"""The same words read again and again, of this process."""

from __future__ import annotations

from array import array
from contextlib import closing

import pytest

from inspector.errors import MemoryFault
from inspector.process.memory import ProcessMemory
from inspector.process.repeated_words import RepeatedWords

UNMAPPED = 64
"""In the page of the null pointer, which nobody maps."""


@pytest.mark.parametrize("forbidden", [False, True], ids=["call", "file"])
def test_each_reading_sees_the_words_as_they_are(forbidden: bool) -> None:  # noqa: FBT001
    values = array("q", range(-500, 500))
    start = values.buffer_info()[0]
    # In any order, and not all of them.
    places = [7, 999, 0, 512]
    with closing(ProcessMemory()) as memory:
        if forbidden:
            assert memory._open()
        words = RepeatedWords(memory, [start + 8 * place for place in places])
        assert words.read() == (-493, 499, -500, 12)
        values[999] = -(1 << 63)
        assert words.read() == (-493, -(1 << 63), -500, 12)


@pytest.mark.parametrize("forbidden", [False, True], ids=["call", "file"])
def test_a_word_that_is_not_there_is_a_fault(forbidden: bool) -> None:  # noqa: FBT001
    values = array("q", [1, 2])
    with closing(ProcessMemory()) as memory:
        if forbidden:
            assert memory._open()
        words = RepeatedWords(memory, [values.buffer_info()[0], UNMAPPED])
        with pytest.raises(MemoryFault) as caught:
            words.read()
    assert caught.value.address == UNMAPPED
