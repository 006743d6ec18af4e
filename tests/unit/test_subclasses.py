"""Types that are in no pool, found by walking from ``object`` to its subclasses."""

from __future__ import annotations

import pytest

from inspector.cpython.subclasses import walk_types
from tests.runtime import V314, V315, Runtime, both_versions, small


def walked(runtime: Runtime, *namespaces: int) -> dict[int, bool]:
    """Walk from the first class of a process; return address -> whether it is a heap type."""
    one = runtime.interpreters[0]
    some_type = next(iter(one.ids))
    return walk_types(runtime.image, runtime.layout(), one.address, some_type, namespaces)


@both_versions
def test_a_class_below_a_class_is_found(version: int) -> None:
    runtime = small(version)
    base = next(iter(runtime.interpreters[0].ids))
    below, deeper = runtime.heap.heap_type("Below"), runtime.heap.heap_type("Deeper")
    runtime.heap.subclasses(base, [below])
    runtime.heap.subclasses(below, [deeper])
    found = walked(runtime)
    assert found[below]
    assert found[deeper]
    assert not found[runtime.heap.object_type]


@pytest.mark.parametrize(("version", "found"), [(V314, True), (V315, False)], ids=["3.14", "3.15"])
def test_a_class_that_only_a_module_names_is_looked_for_where_there_can_be_one(
    version: int,
    found: bool,  # noqa: FBT001 - a column of the table
) -> None:
    runtime = small(version)
    lost = runtime.heap.heap_type("Lost")
    namespace = runtime.heap.dict({"Lost": lost, "none": runtime.heap.text("no type")})
    assert lost not in walked(runtime)
    assert (lost in walked(runtime, namespace)) is found
