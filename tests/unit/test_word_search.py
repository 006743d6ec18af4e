"""Words that lead to objects, in images made by hand."""

from __future__ import annotations

import pytest

from inspector.cpython.heap_links import Words
from inspector.reader.heap_image import HeapImage
from inspector.reader.word_search import LARGE, Sought, find_words, search_words

ADDRESS = 0x7F12_3456_7000
SMALL = Sought(ADDRESS, ADDRESS, 48)
BIG = Sought(ADDRESS + 0x10, ADDRESS, 4 * LARGE)
ROOM = 4096


def image(at: int, word: int, size: int = 8) -> HeapImage:
    """Return memory of another allocator with one word in it, at a byte offset."""
    data = bytearray(ROOM)
    data[at : at + size] = word.to_bytes(8, "little")[:size]
    return HeapImage([], [(0x1000, Words.of(bytes(data)))], [], [], None)


@pytest.mark.parametrize("at", [*range(16), 1001, ROOM - 8])
def test_a_word_is_found_at_every_byte_offset(at: int) -> None:
    assert search_words(image(at, ADDRESS), [SMALL]) == {ADDRESS: (1, 0)}


@pytest.mark.parametrize("tag", [1, 2, 3])
def test_a_tagged_word_holds_the_object(tag: int) -> None:
    assert search_words(image(24, ADDRESS | tag), [SMALL]) == {ADDRESS: (1, 0)}


@pytest.mark.parametrize("distance", [4, 8, 47])
@pytest.mark.parametrize("at", [64, 67])
def test_a_word_that_leads_into_the_block_is_told_apart(distance: int, at: int) -> None:
    assert search_words(image(at, ADDRESS + distance), [SMALL]) == {ADDRESS: (0, 1)}


@pytest.mark.parametrize("distance", [-1, 48])
def test_a_word_beside_the_block_is_none(distance: int) -> None:
    assert search_words(image(64, ADDRESS + distance), [SMALL]) == {ADDRESS: (0, 0)}


@pytest.mark.parametrize(("distance", "found"), [(0x10, (1, 0)), (0, (0, 1)), (4000, (0, 1))])
def test_blocks_of_any_size_are_searched_for(distance: int, found: tuple[int, int]) -> None:
    assert search_words(image(64, ADDRESS + distance), [BIG]) == {BIG.address: found}


def test_many_objects_are_searched_for_in_several_passes() -> None:
    sought = [Sought(ADDRESS + 64 * each, ADDRESS + 64 * each, 64) for each in range(40_000)]
    last = sought[-1].address
    found = search_words(image(8, last), sought)
    assert len(found) == len(sought)
    assert found[last] == (1, 0)
    assert found[ADDRESS] == (0, 0)


@pytest.mark.parametrize("others", [0, 5])
def test_aligned_words_are_found_with_their_places(others: int) -> None:
    wanted = {ADDRESS, *range(8, 8 * others + 8, 8)}
    words = image(64, ADDRESS).others[0][1]
    assert find_words(words, wanted) == [(8, ADDRESS)]
    assert find_words(image(65, ADDRESS).others[0][1], wanted) == []
