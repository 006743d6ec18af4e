"""Linked lists, followed node by node and by system calls that follow them themselves."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

import pytest

from inspector.process.c_functions import process_vm_readv
from inspector.process.linked_lists import KernelWalk, follow_lists
from inspector.process.memory import ProcessMemory
from tests.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.process.protocols import LinkedList, Node

    Follow = Callable[[LinkedList], list[Node] | None]

SIZE = 40


class Nodes:
    """A list of nodes in the own memory; the link is the second word."""

    def __init__(self, count: int) -> None:
        self.head = ctypes.c_uint64()
        self.nodes = [(ctypes.c_uint64 * (SIZE // 8))(number) for number in range(1, count + 1)]
        self.addresses = [ctypes.addressof(node) for node in self.nodes]
        self.link([*self.addresses, 0])

    @property
    def at(self) -> int:
        """Where the pointer to the first node stands."""
        return ctypes.addressof(self.head)

    def link(self, order: list[int]) -> None:
        """Let the head point to the first address, and each node to the one behind."""
        self.head.value = order[0]
        for node, address in zip(self.nodes, order[1:], strict=False):
            node[1] = address

    def hops(self, count: int) -> list[Node]:
        """Return what is to be found of so many nodes."""
        return [
            (address, bytes(node))
            for address, node in zip(self.addresses[:count], self.nodes, strict=False)
        ]


def step_by_step(chain: LinkedList) -> list[Node] | None:
    """Follow a chain with one reading per node."""
    return follow_lists(ProcessMemory(), [chain])[0]


def chased(chain: LinkedList) -> list[Node] | None:
    """Follow a chain with prepared calls."""
    kernel_walk = KernelWalk(chain)
    pid = os.getpid()
    return kernel_walk.nodes([process_vm_readv(pid, *call, 0) for call in kernel_walk.calls])


both = pytest.mark.parametrize("walk", [step_by_step, chased], ids=["follow", "Chase"])


@both
@pytest.mark.parametrize("count", [0, 1, 2, 17])
@pytest.mark.parametrize("spare", [0, 1, 30])
def test_a_list_that_ends_is_followed_to_its_end(walk: Follow, count: int, spare: int) -> None:
    nodes = Nodes(count)
    assert walk((nodes.at, SIZE, count + spare)) == nodes.hops(count)


@both
def test_a_list_longer_than_its_depth_is_none(walk: Follow) -> None:
    nodes = Nodes(6)
    assert walk((nodes.at, SIZE, 5)) is None
    assert walk((nodes.at, SIZE, 0)) is None


@both
def test_a_cycle_ends_within_the_depth(walk: Follow) -> None:
    nodes = Nodes(5)
    nodes.link([*nodes.addresses, nodes.addresses[2]])
    assert walk((nodes.at, SIZE, 50)) is None
    nodes.link([nodes.addresses[0], nodes.addresses[0]])
    assert walk((nodes.at, SIZE, 50)) is None


@both
@pytest.mark.parametrize("address", [8, 2**63, 2**64 - 8], ids=["low", "kernel", "top"])
def test_a_link_that_leads_nowhere_is_none(walk: Follow, address: int) -> None:
    nodes = Nodes(3)
    nodes.link([*nodes.addresses, address])
    assert walk((nodes.at, SIZE, 9)) is None
    nodes.link([address])
    assert walk((nodes.at, SIZE, 9)) is None


@both
def test_a_pointer_to_the_first_node_that_is_nowhere_is_none(walk: Follow) -> None:
    assert walk((8, SIZE, 9)) is None


@both
def test_nodes_of_two_words_are_followed(walk: Follow) -> None:
    nodes = Nodes(4)
    assert walk((nodes.at, 16, 9)) == [(at, words[:16]) for at, words in nodes.hops(4)]


def test_chains_are_followed_side_by_side() -> None:
    short, long = Nodes(2), Nodes(9)
    found = follow_lists(
        ProcessMemory(), [(long.at, SIZE, 9), (0, SIZE, 9), (short.at, SIZE, 9), (long.at, SIZE, 8)]
    )
    assert found == [long.hops(9), [], short.hops(2), None]


def test_no_list_is_an_empty_one() -> None:
    assert follow_lists(Image(), []) == []
    assert follow_lists(Image(), [(0, SIZE, 9)]) == [[]]


def test_a_node_at_the_end_of_its_mapping_is_as_long_as_its_mapping() -> None:
    image = Image()
    head, node = image.new(8), image.new(32, alone=True)
    image.put(head, node)
    image.put(node, 7, 0, 9)
    assert image.read_many([(node, SIZE)]) == [None]
    assert follow_lists(image, [(head, SIZE, 3)]) == [[(node, image.read(node, 32))]]
