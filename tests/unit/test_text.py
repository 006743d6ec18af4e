"""Strings and dictionaries, read from their bytes."""

from __future__ import annotations

import struct

import pytest

from inspector.cpython.published import Published, read_published
from inspector.cpython.text import MAX_TEXT, find_key, read_dicts, read_strings, read_values
from tests.runtime import Runtime


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def published(runtime: Runtime) -> Published:
    return read_published(runtime.image, runtime.address)


TEXTS = {
    "empty": "",
    "ascii": "Order",
    "long ascii": "x" * 400,
    "latin-1": "Größe",
    "long latin-1": "é" * 300,
    "ucs2": "Größe → Ω",
    "long ucs2": "日本語" * 100,
    "ucs4": "snake 🐍",
    "long ucs4": "🐍" * 200,
    "surrogates": "a\udc80b",
    "surrogates beside ucs4": "\ud83d🐍\udc00",
    "nul": "a\0b",
}


@pytest.mark.parametrize("alone", [False, True], ids=["in an arena", "at the end of a mapping"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_of_every_kind_is_read(
    runtime: Runtime, published: Published, text: str, *, alone: bool
) -> None:
    address = runtime.heap.string(text, alone=alone)
    assert read_strings(runtime.image, published, [address]) == [text]


@pytest.mark.parametrize("letter", ["x", "é", "Ω", "🐍"])
def test_a_long_text_is_cut_and_says_so(
    runtime: Runtime, published: Published, letter: str
) -> None:
    longest = runtime.heap.string(letter * MAX_TEXT)
    longer = runtime.heap.string(letter * (MAX_TEXT + 1))
    assert read_strings(runtime.image, published, [longest, longer]) == [
        letter * MAX_TEXT,
        letter * MAX_TEXT + "…",
    ]


@pytest.mark.parametrize(
    ("state", "length"),
    [
        (1 << 8 | 1 << 12, 3),
        (0 << 8 | 1 << 11 | 1 << 12, 3),
        (3 << 8 | 1 << 11, 3),
        (7 << 8 | 1 << 11, 3),
        (0xFFFF_FFFF, 3),
        (0, 0),
        (1 << 8 | 1 << 11, -1),
        (4 << 8 | 1 << 11, -(2**62)),
    ],
    ids=["not compact", "kind 0", "kind 3", "kind 7", "all bits", "zeros", "negative", "low"],
)
def test_what_is_no_string_is_none(
    runtime: Runtime, published: Published, state: int, length: int
) -> None:
    address = runtime.heap.string("abc")
    runtime.image.write(address + published["unicode_object.state"], struct.pack("<I", state))
    runtime.image.put(address + published["unicode_object.length"], length)
    assert read_strings(runtime.image, published, [address]) == [None]


@pytest.mark.parametrize("length", [2**30, 2**62, 2**63 - 1])
def test_a_length_that_lies_reads_no_more_than_a_long_text(
    runtime: Runtime, published: Published, length: int
) -> None:
    address = runtime.heap.string("🐍", alone=True)
    runtime.image.put(address + published["unicode_object.length"], length)
    assert read_strings(runtime.image, published, [address]) == [None]
    assert runtime.image.bytes_read < 4 * MAX_TEXT


def test_characters_that_cannot_be_are_no_text(runtime: Runtime, published: Published) -> None:
    address = runtime.heap.string("🐍🐍")
    place = address + published["unicode_object.asciiobject_size"] + 16
    runtime.image.write(place, b"\xff" * 8)
    assert read_strings(runtime.image, published, [address]) == [None]


def test_no_address_is_no_text(runtime: Runtime, published: Published) -> None:
    text = runtime.heap.text("between")
    found = read_strings(runtime.image, published, [0, text, 8, 2**64 - 8])
    assert found == [None, "between", None, None]


def test_values_are_found_by_the_address_of_their_key(
    runtime: Runtime, published: Published
) -> None:
    heap = runtime.heap
    name, other = heap.text("__name__"), heap.text("other")
    dicts = [
        heap.dict({"__doc__": 8, "__name__": 0x5000}),
        heap.dict({"__doc__": 8}),
        heap.dict({"__name__": 0}),
        heap.dict({"other": 0x6000}),
        heap.split_dict(0x7000),
        0,
    ]
    assert find_key(runtime.image, published, dicts, "__name__") == {name}
    assert read_values(runtime.image, published, dicts, {name}) == [0x5000, *[None] * 5]
    assert read_values(runtime.image, published, dicts, {other})[3] == 0x6000
    assert read_values(runtime.image, published, dicts, set()) == [None] * 6


def test_entries_of_general_dictionaries_have_a_hash(
    runtime: Runtime, published: Published
) -> None:
    ((number, words, width),) = read_dicts(
        runtime.image, published, [runtime.heap.general_dict([0x5000, 0x6000])]
    )
    assert (number, width, words[2::3]) == (0, 3, [0x5000, 0x6000])


@pytest.mark.parametrize(
    ("place", "value"),
    [(9, 41), (9, 255), (10, 2), (10, 3), (10, 255)],
    ids=["index bytes", "index bytes 255", "split", "kind 3", "kind 255"],
)
def test_keys_that_cannot_be_are_left_out(
    runtime: Runtime, published: Published, place: int, value: int
) -> None:
    address = runtime.heap.dict({"a": 1})
    keys = runtime.image.word(address + published["dict_object.ma_keys"])
    runtime.image.write(keys + place, bytes([value]))
    assert read_dicts(runtime.image, published, [address]) == []


@pytest.mark.parametrize("count", [0, -1, 2**62, (1 << 16) + 1, 1 << 16])
def test_a_number_of_entries_that_lies_is_left_out(
    runtime: Runtime, published: Published, count: int
) -> None:
    address = runtime.heap.dict({"a": 1})
    keys = runtime.image.word(address + published["dict_object.ma_keys"])
    runtime.image.put(keys + 24, count)
    assert read_dicts(runtime.image, published, [address]) == []
