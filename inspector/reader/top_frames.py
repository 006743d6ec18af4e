"""Where threads are in Python code: their top frames, read at once and looked up afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.code_lines import CodeLines
from inspector.cpython.frames import OWNED_BY_INTERPRETER
from inspector.cpython.words import decode_unsigned, word_at
from inspector.process.recent_reads import RecentReads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory
    from inspector.reader.thread_words import ThreadHead
    from inspector.snapshots.thread_sample import CodeLocation

__all__ = ["TopFrame", "TopFrames"]

MOST_ENTRY_FRAMES: Final = 4
"""Entry frames in a row that are gone past to find the frame of Python code."""

SLOTS: Final = 24
"""Slots of a frame that are looked at."""
LOWEST, HIGHEST = 1 << 16, 1 << 47
"""Bounds of the addresses of objects."""


class TopFrame(NamedTuple):
    """The frame of Python code that a thread runs."""

    native_id: int
    code: int
    """Address of its code object."""
    instruction: int
    """``instr_ptr``."""
    copy: int
    """``tlbc_index``: which copy of the bytecode it runs."""


class TopFrames:
    """Reads top frames; code objects are read once."""

    def __init__(self, memory: Memory, published: Published) -> None:
        self._memory = memory
        self._published = published
        self._reads = RecentReads(memory)
        self._lines = CodeLines(memory, published)

    def read(self, heads: Iterable[ThreadHead]) -> list[TopFrame]:
        """Read the top frames of some threads; one that moved on is left out."""
        published = self._published
        size = published["interpreter_frame.localsplus"]
        previous = published["interpreter_frame.previous"]
        owner_at = published["interpreter_frame.owner"]
        index_at = published["interpreter_frame.tlbc_index"]
        executable = published["interpreter_frame.executable"]
        pointer_at = published["interpreter_frame.instr_ptr"]
        ahead = [(head.thread.native_id, head.frame) for head in heads if head.frame]
        found = []
        for _ in range(MOST_ENTRY_FRAMES):
            if not ahead:
                break
            pieces = self._reads.read_many([(frame, size) for _, frame in ahead])
            further = []
            for (native, _), words in zip(ahead, pieces, strict=True):
                if words is None:
                    continue
                if words[owner_at] >= OWNED_BY_INTERPRETER:
                    if word_at(words, previous):
                        further.append((native, word_at(words, previous)))
                    continue
                code = word_at(words, executable) & ~3
                index = int.from_bytes(words[index_at : index_at + 4], "little")
                found.append(TopFrame(native, code, word_at(words, pointer_at), index))
            ahead = further
        return found

    def read_slots(self, heads: Iterable[ThreadHead]) -> set[int]:
        """Return the addresses in the first local variables and stack slots of top frames.

        Some of them are old values: a running frame does not say how far its stack reaches.
        """
        at = self._published["interpreter_frame.localsplus"]
        ranges = [(head.frame + at, SLOTS * 8) for head in heads if head.frame]
        found = set()
        for piece in self._memory.read_many(ranges):
            for word in decode_unsigned(piece) if piece is not None else ():
                # The lower bits are tags (Include/internal/pycore_stackref.h).
                if LOWEST < word < HIGHEST and not word & 4:
                    found.add(word & ~3)
        return found

    def locate(self, frames: Sequence[TopFrame]) -> dict[int, CodeLocation]:
        """Return native id -> place in the source; without frames that changed meanwhile."""
        places = self._lines.find([(frame.code, frame.instruction, frame.copy) for frame in frames])
        return {
            frame.native_id: place
            for frame, place in zip(frames, places, strict=True)
            if place is not None
        }
