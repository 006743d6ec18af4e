"""Which of many objects have counts that threads change just now, by samples of their headers.

All objects are looked at in turn, some in each sample; those that were seen to change are
read in every sample from then on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from inspector.cpython.refcount import HEADER_SIZE, decode_header
from inspector.errors import MemoryFault
from inspector.process.repeated_words import RepeatedWords
from inspector.process.vectors import WORD
from inspector.reader.header_sampler import SHARED, MergeWords
from inspector.reader.shared_objects import MOST_OWNED
from inspector.snapshots.heat import HeatSample

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.memory import ProcessMemory

__all__ = ["HeatSampler"]

TURN: Final = 64
"""Objects that are looked at in one sample, beside the hot ones."""

MOST_TURNS: Final = 64
"""Groups of objects whose way of reading is kept."""

MOST_HOT: Final = 128
"""Objects that are read in every sample."""

COLD_AFTER: Final = 200
"""Samples after which a hot object that hardly changed makes room for another one."""
COLD: Final = 0.005

LOCAL: Final = 8
"""Offset of the word with ``ob_mutex``, ``ob_gc_bits`` and ``ob_ref_local``
(Include/object.h, ``struct _object``, 3.14 and 3.15)."""
MUTEX_SHIFT: Final = 16
LOCAL_SHIFT: Final = 32


class HeatSampler:
    """Samples ``ob_ref_shared`` of objects; nothing is stopped or written."""

    def __init__(
        self,
        memory: ProcessMemory,
        layout: Layout,
        interpreters: Sequence[int],
        types: Container[int],
    ) -> None:
        """``types`` are the addresses of types: what has none of them is no object."""
        self._types = types
        self.used: dict[int, int] = {}
        """Objects that running frames hold and several threads refer to -> their types."""
        self._memory = memory
        self._merges = MergeWords(memory, layout, interpreters)
        self._addresses: dict[int, int | None] = {}
        """Address -> ``ob_ref_shared`` when it was last looked at; None before."""
        self._order: list[int] = []
        self._turns: dict[tuple[int, ...], RepeatedWords] = {}
        """Objects that are looked at together -> how they are read."""
        self._next = 0
        self._hot: list[int] = []
        self._seen: dict[int, list[int]] = {}
        """Hot object -> samples that it was in, samples in which it had changed."""
        self._words: RepeatedWords | None = None
        self._before: tuple[int, ...] = ()

    def watch(self, addresses: Iterable[int]) -> None:
        """Look at more objects from now on."""
        for address in addresses:
            if address not in self._addresses:
                self._addresses[address] = None
                self._order.append(address)

    def consider(self, addresses: Iterable[int]) -> None:
        """Watch those objects, which running frames hold, that other threads refer to as well.

        A walk over the heap meets the count of such an object only while it is up.
        """
        fresh = sorted(set(addresses).difference(self._addresses))
        pieces = self._memory.read_many([(address, HEADER_SIZE) for address in fresh])
        for address, piece in zip(fresh, pieces, strict=True):
            if piece is None:
                continue
            header = decode_header(piece)
            counted = not header.immortal and not header.deferred
            if counted and header.ob_ref_shared > MOST_OWNED and header.ob_type in self._types:
                self.used[address] = header.ob_type
                self.watch([address])

    @property
    def hot(self) -> int:
        """How many objects are read in every sample."""
        return len(self._hot)

    def look_around(self) -> None:
        """Look at the next objects in turn, and take those that have changed into each sample."""
        if not self._order:
            return
        self._next %= len(self._order)
        chosen = self._order[self._next : self._next + TURN]
        self._next += TURN
        words = self._read_turn(chosen)
        for address, shared in zip(chosen, words, strict=True):
            if shared is None:
                continue
            before, self._addresses[address] = self._addresses[address], shared
            if before is not None and before != shared and address not in self._seen:
                self._admit(address)

    def _read_turn(self, chosen: list[int]) -> Sequence[int | None]:
        """Return ``ob_ref_shared`` of some objects; None where it is unreadable."""
        key = tuple(chosen)
        words = self._turns.get(key)
        if words is None and len(chosen) > 1:
            if len(self._turns) >= MOST_TURNS:
                self._turns.clear()
            places = [address + SHARED for address in chosen]
            words = self._turns[key] = RepeatedWords(self._memory, places)
        if words is not None:
            with suppress(MemoryFault):
                return words.read()
        pieces = self._memory.read_many([(address + SHARED, WORD) for address in chosen])
        return [
            None if piece is None else int.from_bytes(piece, "little", signed=True)
            for piece in pieces
        ]

    def _admit(self, address: int) -> None:
        """Read an object in every sample, instead of one that proved cold if there are many."""
        if len(self._hot) >= MOST_HOT:
            for old in self._hot:
                samples, moved = self._seen[old]
                if samples >= COLD_AFTER and moved < COLD * samples:
                    self._hot.remove(old)
                    break
            else:
                return
        self._hot.append(address)
        self._seen.setdefault(address, [0, 0])
        self._words = None

    def read(self) -> tuple[int, ...]:
        """Read the hot objects' words; empty if there are none."""
        if not self._hot:
            return ()
        if self._words is None:
            places = list(self._merges.words)
            for address in self._hot:
                places += [address + SHARED, address + LOCAL]
            self._words = RepeatedWords(self._memory, places)
            self._before = ()
        try:
            return self._words.read()
        except MemoryFault:
            self._drop_unreadable()
            return ()

    def _drop_unreadable(self) -> None:
        """Forget objects whose pages are gone, and look for threads anew."""
        pieces = self._memory.read_many([(address, WORD) for address in self._hot])
        self._hot = [
            address for address, piece in zip(self._hot, pieces, strict=True) if piece is not None
        ]
        self.renew()

    def renew(self) -> None:
        """Find the words that show merges anew, because threads came or went."""
        self._merges = self._merges.renew()
        self._words = None

    def compare(self, words: tuple[int, ...], after: tuple[int, ...]) -> HeatSample | None:
        """Return what changed since the sample before, and between two readings of this one.

        None where counts may have been merged into headers meanwhile, and for the first
        sample of these objects.
        """
        before, self._before = self._before, after if len(after) == len(words) else words
        cut = len(self._merges.words)
        if not words or len(before) != len(words):
            return None
        if not self._merges.is_quiet(words) or words[:cut] != before[:cut]:
            return None
        moved, local, locked, close = [], [], [], []
        same = len(after) == len(words) and after[:cut] == words[:cut]
        for place, address in enumerate(self._hot):
            at = cut + 2 * place
            seen = self._seen[address]
            seen[0] += 1
            if words[at] != before[at] or (same and after[at] != words[at]):
                seen[1] += 1
                moved.append(address)
                if same and after[at] != words[at]:
                    close.append(address)
            if words[at + 1] >> LOCAL_SHIFT != before[at + 1] >> LOCAL_SHIFT:
                local.append(address)
            if words[at + 1] >> MUTEX_SHIFT & 1:
                locked.append(address)
        return HeatSample(tuple(moved), tuple(close), tuple(local), tuple(locked))

    def shares(self) -> dict[int, tuple[int, int]]:
        """Return address -> samples in which an object had changed, samples that it was in."""
        return {address: (seen[1], seen[0]) for address, seen in self._seen.items()}
