"""Paths from roots to objects, in graphs made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.analysis.paths import find_paths
from inspector.snapshots.holders import Holder, Referrer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MODULE, CACHE = 1, 2

Graph = dict[int, list[Referrer]]


def answer(graph: Graph) -> Callable[[Collection[int]], Graph]:
    """Return the function that answers who refers to what in a graph."""
    return lambda frontier: {each: graph[each] for each in frontier if each in graph}


def root(name: str, step: str, kind: str = "dict") -> Referrer:
    """Return a root that refers to something."""
    return Referrer(MODULE, step, step, kind, name)


def test_instances_in_one_cache_are_one_path() -> None:
    orders = range(100, 1100)
    graph: Graph = {each: [Referrer(CACHE, "[str]", "[str]", "dict", "")] for each in orders}
    graph[CACHE] = [root("app", ".cache")]
    assert find_paths(orders, answer(graph)) == (
        [Holder("app.cache[str]", "dict", 1000)],
        set(),
    )


def test_objects_that_hold_each_other_have_no_path() -> None:
    graph: Graph = {
        10: [Referrer(11, ".other", ".other", "Node", "")],
        11: [Referrer(10, ".other", ".other", "Node", "")],
    }
    assert find_paths([10, 11], answer(graph)) == ([], {10, 11})


def test_an_object_is_counted_once_for_each_path() -> None:
    # A thousand methods of one instance are one instance that is held by methods.
    methods = range(100, 1100)
    graph: Graph = {
        10: [Referrer(each, ".__self__", ".__self__", "method", "") for each in methods]
    }
    graph |= {each: [Referrer(CACHE, "[*]", f"[{each}]", "list", "")] for each in methods}
    graph[CACHE] = [root("app", ".registry")]
    holders, unheld = find_paths([10], answer(graph))
    assert holders == [Holder("app.registry[*].__self__", "method", 1)]
    assert not unheld


def test_the_only_element_is_named_by_its_index() -> None:
    graph: Graph = {
        10: [Referrer(CACHE, "[*]", "[3]", "list", "")],
        CACHE: [root("app", ".items")],
    }
    assert find_paths([10], answer(graph))[0] == [Holder("app.items[3]", "list", 1)]


def test_words_left_on_a_stack_are_told_only_where_nothing_else_is_found() -> None:
    stack = root("<C stack>", "", "C stack")
    held: Graph = {10: [stack, root("app", ".order")]}
    lost: Graph = {10: [stack]}
    assert find_paths([10], answer(held))[0] == [Holder("app.order", "dict", 1)]
    assert find_paths([10], answer(lost)) == ([Holder("<C stack>", "C stack", 1)], {10})


def test_a_holder_that_holds_in_two_ways_gives_two_paths() -> None:
    service = 12
    graph: Graph = {
        10: [Referrer(service, ".last", ".last", "Service", "")],
        11: [Referrer(CACHE, "[str]", "[str]", "dict", "")],
        CACHE: [Referrer(service, ".orders", ".orders", "Service", "")],
        service: [root("app", ".service")],
    }
    holders, unheld = find_paths([10, 11], answer(graph))
    assert {each.path for each in holders} == {"app.service.last", "app.service.orders[str]"}
    assert not unheld
