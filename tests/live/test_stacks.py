"""Deferred references: exactly those on thread stacks, inside and from outside."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.live.puppets import Puppet
from tests.live.targets import rescued
from tests.support import TARGETS, free_threaded_only, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS, SLOTS = 4, 6


class Held:
    """What threads hold in their local variables."""


def deferred(subject: type) -> int:
    count = inspector.refcount(subject).deferred
    assert count is not None
    return count


@free_threaded_only
def test_locals_of_waiting_threads_are_deferred_references() -> None:
    ready, go = threading.Barrier(THREADS + 1), threading.Event()

    def hold() -> tuple[type, ...]:
        one = two = three = four = five = six = Held

        def inner() -> None:
            ready.wait()
            go.wait()

        inner()
        return one, two, three, four, five, six

    base = inspector.refcount(Held).deferred or 0
    threads = [threading.Thread(target=hold) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait()
    count = inspector.refcount(Held)
    go.set()
    for thread in threads:
        thread.join()
    assert count.deferred == base + THREADS * SLOTS
    assert count.stacks is not None
    assert [count.stacks[each.native_id or 0] for each in threads] == [SLOTS] * THREADS
    assert inspector.refcount(Held).deferred == base


@free_threaded_only
def test_locals_of_suspended_generators_are_counted_nowhere() -> None:
    def generator() -> Iterator[type]:
        one = two = Held
        yield one
        yield two

    base = inspector.refcount(Held)
    kept = [generator() for _ in range(7)]
    for each in kept:
        next(each)
    count = inspector.refcount(Held)
    assert len(kept) == 7
    assert count.deferred == base.deferred
    suspended = inspector.attach().suspended()
    assert suspended is not None
    # Two variables in each; what is yielded was handed over.  While a dictionary is
    # first shared between threads, looking a global up can yield a counted reference.
    assert base.counted is not None
    assert count.counted is not None
    assert suspended[id(Held)] + count.counted - base.counted == 14
    assert inspector.attach().anatomy(Held).suspended == suspended[id(Held)]


@free_threaded_only
def test_a_deep_stack_is_followed_to_its_end() -> None:
    def descend(depth: int) -> int:
        held = Held
        if depth:
            return descend(depth - 1)
        result = deferred(held)
        del held
        return result

    shallow, deep = descend(3), descend(303)
    assert deep == shallow + 300


@free_threaded_only
def test_a_frame_with_many_variables_is_read_whole() -> None:
    names = [f"v{number}" for number in range(400)]
    source = (
        "def many(Held, count):\n    " + " = ".join(names) + " = Held\n    return count(Held)\n"
    )
    scope: dict[str, Callable[[type, object], int]] = {}
    exec(source, scope)  # noqa: S102 - a function no one would write by hand
    assert scope["many"](Held, deferred) >= deferred(Held) + 400


@pytest.mark.parametrize("version", interpreters())
def test_from_outside_a_pause_shows_the_deferred_references(version: str) -> None:
    with Puppet(python_of(version), TARGETS / "stacks.py") as target:
        attached = inspector.attach(target.pid)
        base = attached.snapshot(blocking=True)["__main__.Subject"]
        target.ask("start")
        held = attached.snapshot(blocking=True)["__main__.Subject"]
        assert (held.deferred or 0) - (base.deferred or 0) == target.ready["slots"]
        target.ask("generators")
        after = attached.snapshot(blocking=True)["__main__.Subject"]
        assert after.deferred == held.deferred
        running = attached.snapshot()["__main__.Subject"]
        assert (running.deferred, running.total) == (None, held.counted)


@pytest.mark.parametrize("version", interpreters())
def test_a_collection_changes_no_total_of_any_kind(version: str) -> None:
    kinds = ("type", "code", "dict")
    with Puppet(python_of(version), TARGETS / "stacks.py") as target:
        target.ask("start")
        target.ask("collect")
        attached = inspector.attach(target.pid)
        before = attached.snapshot(kinds=kinds, blocking=True)
        target.ask("collect")
        after = attached.snapshot(kinds=kinds, blocking=True)
        changed = [
            (each.name, each.total, after[each.address].total)
            for each in before
            if each.address not in after or each.total != after[each.address].total
        ]
        assert len(before) > 1000
        assert {each.kind for each in before} == set(kinds)
        assert changed == []
        assert all(each.total >= 0 for each in after if each.total is not None)


@free_threaded_only
def test_a_class_back_from_garbage_has_no_id_and_the_right_count() -> None:
    rescued.make()
    gc.collect()
    subject = rescued.saved.pop()
    base = inspector.refcount(subject)
    assert base.unique_id == 0
    kept = [subject() for _ in range(10)]
    again = inspector.refcount(subject)
    assert again.total is not None
    assert base.total is not None
    assert again.total == base.total + len(kept)
    assert again.contributions == {}
    globals()["rescued_here"] = subject
    try:
        row = inspector.snapshot()[subject]
        assert row.unique_id == 0
        assert row.name.endswith("make.<locals>.Rescued")
    finally:
        del globals()["rescued_here"]


@free_threaded_only
def test_ids_are_used_again_and_no_count_passes_to_the_next_class() -> None:
    attached = inspector.attach()
    for round_ in range(20):
        classes = [type(f"Round{round_}Class{number}", (), {}) for number in range(500)]
        kept = [each() for each in classes for _ in range(3)]
        rows = {each.address: each for each in attached.snapshot(unlisted=False)}
        pool = attached.snapshot(unlisted=False).pool
        assert pool.in_use + pool.free == pool.capacity
        fresh = [rows[id(each)] for each in classes]
        bases = {(each.total or 0) - 3 for each in fresh}
        # All were made in the same way: what one has without its instances, all have.
        assert len(bases) == 1, bases
        assert {each.contributed for each in fresh} <= {0, 3}
        del kept, classes, rows, fresh
        gc.collect()
    life = attached.snapshot(unlisted=False).interpreters[0].life
    assert life.reused > 5000
    assert life.types_gone > 5000
