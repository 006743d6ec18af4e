"""Where threads are, read from memory that lies: nothing wrong is told, and nothing hangs."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from inspector.cpython.published import Published
from inspector.cpython.runtime_lists import Thread
from inspector.reader.thread_words import ThreadHead
from inspector.reader.top_frames import MOST_ENTRY_FRAMES, TopFrames
from tests.image import Image

if TYPE_CHECKING:
    import random

PUBLISHED = Published(
    0x030E07F0,
    {
        "interpreter_frame.previous": 8,
        "interpreter_frame.executable": 0,
        "interpreter_frame.instr_ptr": 56,
        "interpreter_frame.owner": 74,
        "interpreter_frame.tlbc_index": 72 - 4,
        "interpreter_frame.localsplus": 80,
        "code_object.filename": 112,
        "code_object.qualname": 128,
        "code_object.linetable": 136,
        "code_object.firstlineno": 68,
        "code_object.co_tlbc": 200,
        "code_object.co_code_adaptive": 208,
        "bytes_object.ob_size": 16,
        "bytes_object.ob_sval": 32,
        "unicode_object.length": 16,
        "unicode_object.state": 32,
        "unicode_object.asciiobject_size": 40,
        "unicode_object.compactunicodeobject_size": 56,
    },
)
SIZE = 4096


def head_at(frame: int, native: int = 1) -> ThreadHead:
    thread = Thread(0x1000, 0, 0x2000, native, 0, 0, *(False, True, True))
    return ThreadHead(thread, 1, frame)


@given(st.randoms(use_true_random=True))
def test_memory_that_lies_gives_places_or_none(chance: random.Random) -> None:
    image = Image()
    start = image.new(SIZE, alone=True)
    words = [
        start + 8 * chance.randrange(SIZE // 8) if chance.random() < 0.6 else chance.getrandbits(64)
        for _ in range(SIZE // 8)
    ]
    image.write(start, struct.pack(f"={SIZE // 8}Q", *words))
    image.most_reads = 100_000
    frames = TopFrames(image, PUBLISHED)
    heads = [head_at(start + 8 * chance.randrange(SIZE // 8), each) for each in range(20)]
    found = frames.locate(frames.read(heads))
    assert set(found) <= set(range(20))
    assert all(place.line is None or isinstance(place.line, int) for place in found.values())
    assert all(address % 4 == 0 for address in frames.read_slots(heads))


def test_entry_frames_that_lead_in_a_circle_end() -> None:
    image = Image()
    frame = image.new(80)
    entry = bytearray(80)
    struct.pack_into("=Q", entry, 8, frame)
    entry[74] = 3
    image.write(frame, bytes(entry))
    image.most_reads = MOST_ENTRY_FRAMES
    assert TopFrames(image, PUBLISHED).read([head_at(frame)]) == []


def test_a_thread_without_a_frame_is_nowhere() -> None:
    frames = TopFrames(Image(), PUBLISHED)
    assert frames.read([head_at(0), head_at(0x5000)]) == []
    assert frames.locate([]) == {}
