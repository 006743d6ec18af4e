"""What the collector's words say, in both versions."""

from __future__ import annotations

import pytest

from inspector.cpython.collector import Collector, plan_collector, read_collector
from inspector.cpython.published import read_published
from tests.runtime import V315, Interpreter, Runtime, both_versions


def collector_of(runtime: Runtime, one: Interpreter) -> Collector:
    """Return what is read of the collector."""
    published = read_published(runtime.image, runtime.address)
    ranges = plan_collector(runtime.image, published, one.address)
    return read_collector(runtime.image, ranges)


@both_versions
def test_collections_of_all_generations_are_added_up(version: int) -> None:
    runtime = Runtime(version)
    one = runtime.interpreter()
    one.set_collections(100, 20, 3)
    assert collector_of(runtime, one) == Collector(collecting=False, collections=123)


@both_versions
def test_other_statistics_are_no_collections(version: int) -> None:
    runtime = Runtime(version)
    one = runtime.interpreter()
    used = (16, 88, 160) if version == V315 else (0, 24, 48)
    for place in set(range(0, 216 if version == V315 else 72, 8)).difference(used):
        runtime.image.put(one.stats + place, 9)
    assert collector_of(runtime, one).collections == 0


@both_versions
def test_a_collection_under_way_is_seen(version: int) -> None:
    runtime = Runtime(version)
    one = runtime.interpreter()
    one.set_collecting(on=True)
    assert collector_of(runtime, one).collecting
    one.set_collecting(on=False)
    assert not collector_of(runtime, one).collecting


@both_versions
def test_numbers_that_cannot_be_are_unknown(version: int) -> None:
    runtime = Runtime(version)
    one = runtime.interpreter()
    one.set_collections(3, -1, 0)
    assert collector_of(runtime, one).collections is None


@pytest.mark.parametrize("pointer", [0, 0x1000, 2**64 - 8])
def test_statistics_that_are_nowhere_are_unknown(pointer: int) -> None:
    runtime = Runtime(V315)
    one = runtime.interpreter()
    runtime.image.put(one.gc + runtime.offsets["gc.generation_stats"], pointer)
    assert collector_of(runtime, one) == Collector(collecting=False, collections=None)


def test_statistics_of_another_size_are_unknown() -> None:
    runtime = Runtime(V315, gc__generation_stats_size=240)
    assert collector_of(runtime, runtime.interpreter()).collections is None


def test_an_interpreter_that_is_not_mapped_may_be_collecting() -> None:
    runtime = Runtime()
    one = runtime.interpreter()
    one.address = 0x1000
    assert collector_of(runtime, one) == Collector(collecting=True, collections=None)
