"""Whether a thread is at an atomic operation, by the machine code around its instruction."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from inspector.process.protocols import Memory

__all__ = ["AtomicCode"]

BEFORE, BEHIND = 12, 32
"""Bytes around the instruction: a thread that waits for a word is sampled right behind the
operation, or behind the load that goes before it."""

LOCKED: Final = re.compile(rb"\xf0[\x48-\x4f]\x0f[\xb1\xc1]|\xf0[\x48-\x4f][\x01\x29\x83]")
"""``lock cmpxchg``, ``lock xadd``, ``lock add`` and ``lock sub`` of 64 bits (x86-64)."""


class AtomicCode:
    """Looks at code once for each instruction; knows x86-64 only."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[int, bool] = {}
        self._readable = platform.machine() == "x86_64"

    def is_near(self, instruction: int) -> bool:
        """Whether an atomic operation on a word is within a few instructions."""
        if not self._readable:
            return False
        if instruction not in self._known:
            (code,) = self._memory.read_many([(instruction - BEFORE, BEFORE + BEHIND)])
            self._known[instruction] = code is not None and LOCKED.search(code) is not None
        return self._known[instruction]
