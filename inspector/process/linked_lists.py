"""Linked lists in the memory of a target.

:func:`follow_lists` reads one node of every list at a time.  :class:`KernelWalk` prepares
system calls that follow a list without any Python code between them: the own process is read
that way while it is stopped.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from inspector.process.vectors import PAGE, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import LinkedList, Memory, Node

__all__ = ["KernelWalk", "follow_lists"]


def follow_lists(memory: Memory, lists: Sequence[LinkedList]) -> list[list[Node] | None]:
    """Return the nodes of each list; all lists are followed together, one node per step.

    None for a list that is longer than its limit, that leads to an unreadable address, or
    that returns to a node of its own.
    """
    sizes, limits, heads = [], [], []
    for head, size, limit in lists:
        sizes.append(size)
        limits.append(limit)
        heads.append((head, WORD if head else 0))
    found: list[list[Node] | None] = []
    next_: list[int] = []
    running = []
    for number, link in enumerate(memory.read_many(heads)):
        found.append(None if link is None else [])
        next_.append(int.from_bytes(link or b"", "little"))
        if next_[number]:
            running.append(number)
    visited: list[set[int]] = [set() for _ in lists]
    for step in range(1 + max(limits, default=0)):
        if not running:
            break
        nodes = memory.read_many([(next_[number], sizes[number]) for number in running])
        rest = []
        for number, node in zip(running, nodes, strict=True):
            words = node or _read_mapped_part(memory, next_[number], sizes[number])
            nodes_found, address = found[number], next_[number]
            back = address in visited[number]
            if nodes_found is None or len(words) < 2 * WORD or step >= limits[number] or back:
                found[number] = None
                continue
            nodes_found.append((address, words))
            visited[number].add(address)
            next_[number] = int.from_bytes(words[WORD : 2 * WORD], "little")
            if next_[number]:
                rest.append(number)
        running = rest
    return found


def _read_mapped_part(memory: Memory, address: int, size: int) -> bytes:
    """Return the bytes up to the end of the page, for a node at the end of a mapping."""
    end = min(size, PAGE - address % PAGE)
    return memory.read_many([(address, end)])[0] or b""


class KernelWalk:
    """The system calls that follow one list; all are prepared before the first is made.

    Each call stores the link of the node that it reads into the iovec of the next call.
    Call 0 reads the pointer to the first node; call k reads node k, and its link becomes the
    address that call k + 1 reads.  Behind the last node that address is NULL, and all further
    calls fail.
    """

    def __init__(self, linked_list: LinkedList) -> None:
        head, self._size, self._depth = linked_list
        depth = self._depth
        self._buffer = array("B", bytes(max(1, depth * self._size)))
        # Remote iovecs: the head, one node per step, and one that only takes the last link.
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
        for step in range(depth):
            self.calls.append((local + 16 + 48 * step, 3, remote + 16 * (step + 1), 1))

    def nodes(self, moved: Sequence[int]) -> list[Node] | None:
        """Return the nodes, given the bytes that each call moved.

        None for a list that is longer than its limit or leads to an unreadable address.
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
