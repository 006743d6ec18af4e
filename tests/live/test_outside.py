"""The census of another process, against what that process knows of itself.

The reader is the interpreter that runs the tests: free-threaded, or with a GIL.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.live.puppets import Puppet, inspect
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.snapshots.snapshot import ObjectCount, Snapshot

SHARED = "__main__.Shared"


@pytest.fixture(params=interpreters(every_reader=True))
def puppet(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    with Puppet(python_of(request.param)) as target:
        yield target


def total(row: ObjectCount) -> int:
    """Return the total of a row that must have one, and be settled."""
    assert row.settled
    assert row.total is not None
    return row.total


@pytest.mark.parametrize("blocking", [False, True], ids=["running", "blocking"])
def test_instances_of_each_thread_are_told_apart(puppet: Puppet, blocking: bool) -> None:  # noqa: FBT001
    target = inspector.attach(puppet.pid)
    puppet.ask("collect")
    base = total(target.snapshot(blocking=blocking)[SHARED])
    made = puppet.ask("make", 20)
    natives = puppet.ask("threads", 3, 100)
    snapshot = target.snapshot(blocking=blocking)
    row = snapshot[SHARED]
    assert total(row) == base + made + 300
    assert {native: row.contributions.get(native) for native in natives} == dict.fromkeys(
        natives, 100
    )
    names = {thread.native_id: thread.name for thread in snapshot.threads}
    assert [names[native] for native in natives] == ["holder-0", "holder-1", "holder-2"]
    puppet.ask("join")
    assert total(target.snapshot(blocking=blocking)[SHARED]) == base + made
    puppet.ask("drop", made)
    assert total(target.snapshot(blocking=blocking)[SHARED]) == base


def all_kinds(target: inspector.Target) -> Snapshot:
    return target.snapshot(kinds=("type", "code", "dict"))


def test_collection_moves_contributions_but_not_the_total(puppet: Puppet) -> None:
    puppet.ask("make", 50)
    puppet.ask("threads", 2, 30)
    puppet.ask("collect")
    puppet.ask("make", 50)
    target = inspector.attach(puppet.pid)
    before = all_kinds(target)
    assert puppet.ask("collect") == 1
    after = all_kinds(target)
    assert puppet.ask("collect") == 1
    again = all_kinds(target)

    assert len(before) > 500
    assert moved(before, after) == []
    assert moved(after, again) == []
    assert [row for row in before if row.counted is None and row.state != "immortal"] == []
    assert [row for row in before if (row.counted or 0) < 0] == []
    assert len(before[SHARED].contributions) == 1
    assert not after[SHARED].contributions
    assert before[SHARED].header != after[SHARED].header


def moved(first: Snapshot, second: Snapshot) -> list[tuple[ObjectCount | None, ObjectCount]]:
    """Return the objects of the second snapshot whose count is not that of the first."""
    before = {row.address: row for row in first}
    pairs = [(before.get(row.address), row) for row in second]
    return [(one, two) for one, two in pairs if one is None or one.counted != two.counted]


def test_every_row_of_a_target_that_rests_is_settled(puppet: Puppet) -> None:
    puppet.ask("threads", 4, 10)
    snapshot = inspector.attach(puppet.pid).snapshot()
    assert not snapshot.exact
    assert snapshot.pause_ns is None
    assert [row.name for row in snapshot if not row.settled] == []
    assert {row.deferred for row in snapshot if row.state != "immortal"} == {None}


def test_interpreters_are_read_each_with_its_own_pool(puppet: Puppet) -> None:
    number = puppet.ask("interpreter", 40)
    target = inspector.attach(puppet.pid)
    whole = target.snapshot()
    assert [each.id for each in whole.interpreters] == [0, number]
    inner = whole["__main__.Inner"]
    assert inner.interpreter == number
    alone = target.snapshot(interpreter=number)
    assert [each.id for each in alone.interpreters] == [number]
    assert total(alone["__main__.Inner"]) == total(inner)
    assert total(target.snapshot(blocking=True)["__main__.Inner"]) == total(inner)
    assert "__main__.Inner" not in target.snapshot(interpreter=0)
    # A class that nobody uses holds a few references of its own.
    assert 40 < total(inner) < 50


def test_a_forked_child_is_a_target_of_its_own(puppet: Puppet) -> None:
    puppet.ask("make", 10)
    base = total(inspector.attach(puppet.pid).snapshot()[SHARED])
    child = puppet.ask("fork")
    puppet.ask("make", 5)
    copy = inspector.attach(child).snapshot()
    assert copy.target.pid == child
    assert total(copy[SHARED]) == base
    assert total(inspector.attach(puppet.pid).snapshot()[SHARED]) == base + 5


@pytest.mark.parametrize("version", interpreters(every_reader=True))
def test_the_gil_of_a_free_threaded_build_is_told(version: str) -> None:
    for gil in ("0", "1"):
        with Puppet(python_of(version), PYTHON_GIL=gil) as target:
            snapshot = inspector.attach(target.pid).snapshot()
            assert snapshot.target.gil_enabled is (gil == "1")
            base = total(snapshot[SHARED])
            target.ask("make", 10)
            assert total(inspector.attach(target.pid).snapshot()[SHARED]) == base + 10


def test_dump_prints_the_document_of_the_snapshot(puppet: Puppet) -> None:
    puppet.ask("threads", 2, 25)
    document = inspect("dump", puppet.pid, "--json").document
    expected = inspector.attach(puppet.pid).snapshot().as_dict()
    for each in (document, expected):
        assert each.pop("taken_ns")
        each["objects"].sort(key=lambda row: row["address"])
    assert document == json.loads(json.dumps(expected))


def test_dump_says_how_the_process_was_read(puppet: Puppet) -> None:
    running = inspect("dump", puppet.pid, "--filter", "Shared").output
    assert f"pid {puppet.pid}" in running
    assert "read while it ran, 100 % settled" in running
    assert "STACK was not read" in running
    stopped = inspect("dump", puppet.pid, "--filter", "Shared", "--blocking").output
    assert "exact, paused for" in stopped
    assert "+ STACK" in stopped


def test_dump_reads_one_interpreter_on_request(puppet: Puppet) -> None:
    number = puppet.ask("interpreter", 4)
    both = inspect("dump", puppet.pid, "--filter", "Inner", "--filter", "Shared").output
    assert "2 interpreters" in both
    one = inspect("dump", puppet.pid, "--interpreter", number, "--json").document
    assert [each["id"] for each in one["interpreters"]] == [number]
    missing = inspect("dump", puppet.pid, "--interpreter", 77)
    assert missing.status == 6
    assert missing.errors.startswith(f"inspector: error: no interpreter 77 in process {puppet.pid}")


def test_an_attachment_leaves_no_trace_in_the_target(puppet: Puppet) -> None:
    puppet.ask("threads", 2, 10)
    puppet.ask("collect")
    target = inspector.attach(puppet.pid)
    first = {row.address: row[:-2] for row in target.snapshot(blocking=True)}
    files = sorted(Path(f"/proc/{puppet.pid}/fd").iterdir())
    for _ in range(50):
        target.snapshot()
        target.snapshot(blocking=True)
    assert {row.address: row[:-2] for row in target.snapshot(blocking=True)} == first
    assert sorted(Path(f"/proc/{puppet.pid}/fd").iterdir()) == files
