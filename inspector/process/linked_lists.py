"""Linked lists of a target, followed as bytes.

Two ways: :func:`follow_lists` reads one node of every list at a time, for a target that
holds still or may move; :class:`KernelWalk` prepares system calls that follow a list
by themselves, for the moment in which no Python code may run.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from inspector.process.vectors import PAGE, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import LinkedList, Memory, Node

__all__ = ["KernelWalk", "follow_lists"]


def follow_lists(memory: Memory, chains: Sequence[LinkedList]) -> list[list[Node] | None]:
    """Follow all chains side by side, one ``read_many`` per step.

    Returns None for a chain that did not end within its depth, or led nowhere or back.
    """
    heads = memory.read_many([(head, WORD if head else 0) for head, _, _ in chains])
    found: list[list[Node] | None] = [None if head is None else [] for head in heads]
    next_ = [int.from_bytes(head or b"", "little") for head in heads]
    visited: list[set[int]] = [set() for _ in chains]
    running = [number for number, at in enumerate(next_) if at]
    for step in range(1 + max((depth for _, _, depth in chains), default=0)):
        if not running:
            break
        nodes = memory.read_many([(next_[number], chains[number][1]) for number in running])
        rest = []
        for number, node in zip(running, nodes, strict=True):
            words = node or _read_mapped_part(memory, next_[number], chains[number][1])
            hops, address = found[number], next_[number]
            back = address in visited[number]
            if hops is None or len(words) < 2 * WORD or step >= chains[number][2] or back:
                found[number] = None
                continue
            hops.append((address, words))
            visited[number].add(address)
            next_[number] = int.from_bytes(words[WORD : 2 * WORD], "little")
            if next_[number]:
                rest.append(number)
        running = rest
    return found


def _read_mapped_part(memory: Memory, address: int, size: int) -> bytes:
    """Return as many of the bytes as are mapped: a node at the end of its mapping."""
    end = min(size, PAGE - address % PAGE)
    return memory.read_many([(address, end)])[0] or b""


class KernelWalk:
    """The system calls that follow one chain, each prepared before any is made.

    The trick: a scattered read can put the link that it finds in a node straight
    into the address of the next call's read.  Call 0 fetches the pointer to the
    first node; call k reads node k, and its link becomes the address of call k + 1.
    At the end of the list that address is NULL and all further calls fail.
    """

    def __init__(self, chain: LinkedList) -> None:
        head, self._size, self._depth = chain
        depth = self._depth
        self._buffer = array("B", bytes(max(1, depth * self._size)))
        # Remote iovecs: the head, a node per step, and where the last link lands.
        self._remote = array("Q", (head, WORD, *(0, self._size) * (depth + 1)))
        remote = self._remote.buffer_info()[0]
        buffer = self._buffer.buffer_info()[0]
        places = [remote + 16, WORD]
        for step in range(depth):
            node = buffer + step * self._size
            link = remote + 16 * (step + 2)
            places += (node, WORD, link, WORD, node + 2 * WORD, self._size - 2 * WORD)
        self._local = array("Q", places)
        local = self._local.buffer_info()[0]
        self.calls = [(local, 1, remote, 1)]
        self.calls += [
            (local + 16 + 48 * step, 3, remote + 16 * (step + 1), 1) for step in range(depth)
        ]

    def hops(self, moved: Sequence[int]) -> list[Node] | None:
        """Return the nodes, given the bytes that each call moved.

        None for a list that did not end within its depth, or led nowhere.
        """
        if moved[0] != WORD:
            return None
        found: list[Node] = []
        for step in range(self._depth + 1):
            address = self._remote[2 * (step + 1)]
            if not address:
                return found
            if step == self._depth or moved[step + 1] < 2 * WORD:
                return None
            start = step * self._size
            node = self._buffer[start : start + moved[step + 1]].tobytes()
            link = self._remote[2 * (step + 2)].to_bytes(WORD, "little")
            found.append((address, node[:WORD] + link + node[2 * WORD :]))
        return None
