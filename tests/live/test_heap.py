"""Heaps of processes against what CPython itself counts in them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import inspector
from inspector.errors import TargetChanged, Unsettled
from tests.live.puppets import Puppet, Restless, inspect, until_blocked
from tests.support import (
    GIL_VARIABLE,
    TARGETS,
    free_threaded_only,
    interpreters,
    printed_by,
    python_of,
)

if TYPE_CHECKING:
    from inspector.reader.target import Target
    from inspector.snapshots.heap import Histogram

HEAPS = TARGETS / "heaps.py"

ANSWER = {"builtins.dict": 2}
"""What the target's answer itself is made of, after it has counted."""

KINDS = {
    *("__main__.Plain", "__main__.Slotted", "__main__.Pair", "__main__.Table", "__main__.Row"),
    *("__main__.Text", "__main__.Reason", "re.Match", "decimal.Decimal", "collections.deque"),
    *("builtins.float", "builtins.function", "builtins.generator", "builtins.frozenset"),
    *("builtins.complex", "builtins.bytearray"),
}
"""Of which ``make`` makes as many each as it is told to."""


OFFSETS: dict[str, dict[str, int | None]] = {
    "": {
        "mi_page_t": 96,
        "slices": 264,
        "cookie": 216,
        "xheap": 48,
        "used": 24,
        "block_size": 28,
        "local_free": 32,
        "keys": None,
        "page_start": None,
    },
    "debug": {
        "mi_page_t": 112,
        "slices": 264,
        "cookie": 216,
        "xheap": 64,
        "used": 24,
        "block_size": 28,
        "local_free": 32,
        "keys": 40,
        "page_start": None,
    },
    "reordered": {
        "mi_page_t": 112,
        "slices": 288,
        "cookie": 224,
        "xheap": 64,
        "tag": 35,
        "used": 32,
        "block_size": 40,
        "local_free": 24,
        "keys": None,
        "page_start": 48,
        "thread_delayed_free": 8,
    },
}
"""As a compiler says of each build: members of ``mi_page_t``, ``mi_segment_t``, ``mi_heap_t``."""


def tracked(histogram: Histogram, interpreter: int = 0) -> dict[str, int]:
    """Return how many objects the collector tracks in an interpreter, by type."""
    found: Counter[str] = Counter()
    for row in histogram.types:
        if row.tracked and row.interpreter == interpreter:
            found[row.name] += row.tracked
    return dict(found)


def instances(histogram: Histogram) -> Counter[str]:
    """Return how many objects there are by type."""
    found: Counter[str] = Counter()
    for row in histogram.types:
        found[row.name] += row.instances
    return found


def counted(target: Puppet) -> dict[str, Any]:
    """Return what a target says that there is while it says so."""
    truth = target.ask("count")
    truth["types"] = dict(Counter(truth["types"]) + Counter(ANSWER))
    return dict(truth)


@pytest.mark.parametrize("version", interpreters())
@pytest.mark.parametrize("options", [[], ["-X", "dev"]], ids=["plain", "dev"])
def test_every_tracked_type_has_as_many_instances_as_the_collector_says(
    version: str, options: list[str]
) -> None:
    with Puppet(python_of(version), *options, HEAPS) as target:
        attached = inspector.attach(target.pid)
        target.ask("make", 200)
        target.ask("elsewhere", 100)
        target.ask("threads", 2, 50)
        truth = counted(target)
        running = attached.histogram()
        stopped = attached.histogram(blocking=True)
        blocks = sum(row.blocks for row in attached.allocator().heaps if row.heap != "raw")
    assert tracked(stopped) == truth["types"]
    assert tracked(running) == truth["types"]
    assert (stopped.exact, stopped.uncertain, running.exact) == (True, 0, False)
    assert stopped.pause_ns
    assert running.pause_ns is None
    assert all(row.low == row.instances for row in running.types)
    # The answer was being put together.
    assert abs(truth["blocks"] - blocks) < 10


@pytest.mark.parametrize("version", interpreters())
def test_objects_of_sixteen_kinds_are_counted_to_one_whoever_made_or_freed_them(
    version: str,
) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        attached = inspector.attach(target.pid)
        target.ask("make", 10)
        target.ask("collect")
        before = instances(attached.histogram(blocking=True))
        made = {}
        for words, number in [
            (("make", 500), 500),
            (("elsewhere", 300), 300),
            (("drop",), -150),
            (("threads", 2, 200), 200),
            (("huge", 2), 0),
        ]:
            target.ask(*words)
            after = instances(attached.histogram(blocking=True))
            made[words[0]] = {kind: after[kind] - before[kind] - number for kind in KINDS}
            huge = after["builtins.bytes"] - before["builtins.bytes"]
            before = after
    # Two threads and two barriers have one of each of their own.
    for kind in ("builtins.function", "collections.deque"):
        made["threads"][kind] -= 4
    assert len(KINDS) == 16
    assert {kind: off for each in made.values() for kind, off in each.items() if off} == {}
    assert huge == 2


@pytest.mark.parametrize("version", interpreters())
def test_a_forked_child_and_another_interpreter_have_what_their_collectors_say(
    version: str,
) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("elsewhere", 50)
        target.ask("make", 50)
        child, of_child = target.ask("fork")
        until_blocked(child)
        in_child = inspector.attach(child).histogram(blocking=True)
        number = target.ask("interpreter", 70)
        of_inner = Counter(target.ask("count_inner"))
        both = inspector.attach(target.pid).histogram(blocking=True)
    assert tracked(in_child) == of_child["types"]
    assert instances(in_child)["__main__.Plain"] == 100
    # What ran the code that counts is gone since then.
    assert tracked(both, number) == of_inner - Counter({"builtins.function": 1})
    assert of_inner["__main__.Inner"] == 70
    assert tracked(both)["__main__.Plain"] == 100
    assert not [row for row in both.types if row.interpreter is None and row.tracked]


@pytest.mark.parametrize("version", interpreters())
def test_a_heap_larger_than_what_may_be_copied_is_read_in_parts_but_in_no_pause(
    version: str,
) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("make", 1000)
        attached = inspector.attach(target.pid)
        in_parts = attached.histogram(memory=1 << 16)
        whole = attached.histogram(blocking=True)
        with pytest.raises(Unsettled, match=r"a copy of the heap .* takes \d+ MB") as failure:
            attached.histogram(blocking=True, memory=1 << 16)
    assert instances(in_parts) == instances(whole)
    assert failure.value.hint.startswith("--memory ")


@pytest.mark.parametrize("version", interpreters())
def test_containers_have_what_hangs_on_them(version: str) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("make", 1000)
        attached = inspector.attach(target.pid)
        before = {row.name: row.attached or 0 for row in attached.histogram().types}
        sizes = target.ask("containers", 500)
        rows = {row.name: row for row in attached.histogram().types}
    grown = {name: (rows[name].attached or 0) - before.get(name, 0) for name in sizes}
    if version.startswith("3.15"):
        # The buffer is an object of its own there.
        assert sizes.pop("__main__.Buffer") > 100 * 500
        assert rows["__main__.Buffer"].attached == 0
    for name, size in sizes.items():
        # An array has a word before it, blocks have sizes of their own, hooks add 32 bytes.
        assert size <= grown[name] <= 1.25 * size + 64 * 500, name
    assert rows["__main__.Table"].attached == 0  # empty ones share their keys
    assert rows["builtins.frozenset"].attached is not None
    assert rows["__main__.Plain"].attached is None
    assert rows["builtins.dict"].attached


@pytest.mark.parametrize("version", interpreters())
def test_freed_blocks_that_a_running_thread_may_still_read_are_told_apart(version: str) -> None:
    with Restless(python_of(version), HEAPS) as target:
        attached = inspector.attach(target.pid)
        before = attached.allocator().heaps
        target.ask("delay", 1000)
        after = attached.allocator().heaps
        # It has a thread that does not end.
        target.process.kill()
    numbers = [sum(row.waiting_blocks or 0 for row in rows) for rows in (before, after)]
    # A thread was started, and lists grew, on the way.
    assert 1000 <= numbers[1] - numbers[0] < 1100
    assert all(row.waiting is not None for row in after)
    (row,) = [row for row in after if (row.waiting_blocks or 0) >= 1000]
    assert row.heap == "mem"
    assert row.live >= (row.waiting or 0) >= 16 * 1000


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_commands_print_what_there_is(version: str) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("make", 150)
        target.ask("elsewhere", 20)
        words = ("--filter", "__main__.*", "--sort", "name", "--limit", 3)
        table = inspect("histo", target.pid, *words, COLUMNS="120").output.splitlines()
        document = inspect("histo", target.pid, "--blocking", "--json", *words).document
        heap = inspect("heap", target.pid, "--json").document
        screen = inspect("heap", target.pid).output
    assert document["schema"] == 1
    assert document["target"]["pid"] == target.pid
    assert document["exactness"] == "exact"
    assert [row["name"] for row in document["types"]] == [
        "__main__.Pair",
        "__main__.Plain",
        "__main__.Reason",
    ]
    row = document["types"][1]
    assert (row["instances"], row["low"], row["interpreter"]) == (170, 170, 0)
    assert row["delta"] is None
    assert any(line.split()[:3] == ["__main__.Plain", "170", "170"] for line in table)
    names = {row["heap"] for row in heap["heaps"]}
    assert names >= {"mem", "object", "gc", "gc_pre"}
    assert any(row["abandoned"] and row["native_id"] is None for row in heap["heaps"])
    assert all(row["live"] + row["free"] == row["committed"] for row in heap["heaps"])
    assert heap["rss"] > sum(row["live"] for row in heap["heaps"]) // 2
    assert "RSS" in screen


@pytest.mark.skipif(GIL_VARIABLE not in os.environ, reason="no Python with a GIL is set")
@pytest.mark.parametrize("verb", ["histo", "heap"])
def test_what_cannot_be_read_is_refused(verb: str) -> None:
    with Puppet(os.environ[GIL_VARIABLE]) as target:
        refused = inspect(verb, target.pid)
    gone = inspect(verb, 2**31 - 1)
    assert refused.status == 5
    assert "python3.14t or newer" in refused.errors
    assert gone.status == 3
    assert "Traceback" not in refused.errors + gone.errors


def read_for_ever(attached: Target, *, blocking: bool) -> NoReturn:
    """Read a heap until that fails."""
    while True:
        attached.histogram(blocking=blocking)


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_a_process_in_the_middle_of_exec_is_never_mixed_up_with_what_it_becomes(
    version: str,
) -> None:
    with Restless(python_of(version), HEAPS) as target:
        for blocking in (False, True):
            attached = inspector.attach(target.pid)
            attached.histogram()
            target.send("again")
            with pytest.raises(TargetChanged):
                read_for_ever(attached, blocking=blocking)
            target.answer()


@pytest.mark.parametrize("version", interpreters())
def test_offsets_of_the_allocator_come_with_evidence(version: str) -> None:
    with Puppet(python_of(version)) as target:
        offsets = inspector.attach(target.pid).heap_offsets()
    values = {each.field.partition(".")[2] or each.field: each.value for each in offsets}
    variant = version.partition("-")[2]
    assert values.items() >= OFFSETS[variant].items()
    assert all(each.evidence and each.source == "discovered" for each in offsets)


class Kept:
    """Its instances are counted in this process."""


@free_threaded_only
def test_the_own_process_is_exact_in_one_pause_while_other_threads_run() -> None:
    kept = [Kept() for _ in range(4321)]
    target = inspector.attach()
    ended = threading.Event()

    def churn() -> None:
        # Not all of the time: tests beside this one need the processors too.
        while not ended.wait(0.001):
            _ = [{number: [number]} for number in range(50)]

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        histograms = [target.histogram() for _ in range(3)]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    found = [row for each in histograms for row in each.types if row.address == id(Kept)]
    assert [row.instances for row in found] == [len(kept)] * 3
    assert all(each.pause_ns for each in histograms if each.exact)


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_the_own_process_has_as_many_objects_as_the_collector_says(version: str) -> None:
    found = printed_by(python_of(version), TARGETS / "own_heap.py")
    assert found["exact"]
    assert found["types"] > 50
    # What the reading itself makes on its way.
    assert set(found["differ"]) <= {
        "array",
        "CDLL.__init__.<locals>._FuncPtr",
        "PYFUNCTYPE.<locals>.CFunctionType",
        "CFUNCTYPE.<locals>.CFunctionType",
        "Counter",
        "_GeneratorContextManager",
    }
