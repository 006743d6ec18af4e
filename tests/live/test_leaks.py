"""References that native code loses, found in one reading of another process."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

import inspector
from inspector.cpython.words import decode_unsigned
from inspector.errors import NoSuchTarget, TargetError
from inspector.process.data_pages import find_data_pages
from inspector.process.other import OtherProcess
from inspector.process.proc import list_tasks, read_mappings
from inspector.reader import heap_image
from tests.live.puppets import Puppet, Restless, inspect
from tests.support import TARGETS, free_threaded_only, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.process.data_pages import DataPages
    from inspector.snapshots.leaks import Leaks

pytest_plugins = ["tests.extension.fixture"]

LOSSES = TARGETS / "losses.py"
HEAPS = TARGETS / "heaps.py"
NUMBER = 200

LOST = {
    "bytes": "builtins.bytes",
    "dict": "builtins.dict",
    "tuple": "builtins.tuple",
    "list": "builtins.list",
    "complex": "builtins.complex",
    "living": "__main__.Living",
}
"""What is lost -> the type of the objects with too many references."""

CUSHION = "typerefs.OverDecref"
"""A type that the extension takes a million references to, so that it can lose some."""

MOST_HIDDEN = 0.25
"""Share of lost references that words left from before may hide from a reading."""


def claims(leaks: Leaks) -> dict[str, int]:
    """Return type -> lost references, of types and of orphans."""
    found = {f"type {row.name}": row.lost or 0 for row in leaks.types if row.name != CUSHION}
    for group in leaks.orphans:
        if group.held != "interior":
            found[group.type] = found.get(group.type, 0) + (group.missing or 0)
    return found


@pytest.mark.parametrize("version", interpreters())
def test_what_an_extension_loses_per_call_is_found_with_its_number(
    version: str, typerefs_for: Callable[[str], Path]
) -> None:
    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        attached = inspector.attach(target.pid)
        clean = attached.leaks(blocking=True)
        for kind in LOST:
            target.ask("lose", kind, NUMBER)
        target.ask("lose", "type", NUMBER)
        leaks = attached.leaks(blocking=True, values=True)
    found = claims(leaks)
    assert claims(clean) == {}
    assert leaks.proved
    assert leaks.pause_ns
    assert set(found) == {"type typerefs.Leaking", *LOST.values()}
    assert all((1 - MOST_HIDDEN) * NUMBER <= each <= NUMBER for each in found.values())
    groups = {group.type: group for group in leaks.orphans}
    assert groups["builtins.bytes"].held == "none"
    assert groups["__main__.Living"].held == "partly"
    assert groups["builtins.bytes"].sample[0].repr == repr(b"lost, as nobody gives this back")
    totals = {row.name: row.total for row in leaks.types}
    assert totals["typerefs.Leaking"] >= NUMBER
    assert totals[CUSHION] > 1_000_000


@pytest.mark.parametrize("version", interpreters(debug=False))
@pytest.mark.parametrize("where", ["odd", "inner", "tagged", "readonly", "unreadable"])
def test_what_some_word_of_memory_can_hold_is_no_leak(
    version: str, where: str, typerefs_for: Callable[[str], Path]
) -> None:
    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        target.ask("hide", where, NUMBER)
        leaks = inspector.attach(target.pid).leaks(blocking=True)
    assert claims(leaks) == {}
    inner = sum(group.objects for group in leaks.orphans if group.held == "interior")
    # The last one is a local variable, too.
    assert inner >= NUMBER - 1 if where == "inner" else inner == 0


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_no_reference_of_a_busy_process_counts_as_lost(version: str) -> None:
    with Restless(python_of(version), HEAPS) as target:
        target.ask("make", 300)
        target.ask("threads", 2, 50)
        target.ask("interpreter", 30)
        target.ask("churn", 2)
        attached = inspector.attach(target.pid)
        found = [attached.leaks(blocking=True) for _ in range(3)]
    assert [claims(each) for each in found] == [{}] * 3


@pytest.mark.parametrize("version", interpreters(debug=False)[1:])
def test_garbage_is_told_from_what_is_held_and_from_what_is_lost(
    version: str, typerefs_for: Callable[[str], Path]
) -> None:
    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        target.ask("circle", NUMBER)
        target.ask("lose", "list", NUMBER)
        attached = inspector.attach(target.pid)
        leaks = attached.leaks(blocking=True, garbage=True)
        without = attached.leaks(blocking=True)
    found = {row.type: row.objects for row in leaks.garbage or ()}
    groups = {group.type: group for group in leaks.orphans}
    assert (1 - MOST_HIDDEN) * 2 * NUMBER <= found["__main__.Node"] <= 2 * NUMBER
    # Orders are in lists that are lost, and no garbage of their own.
    assert "__main__.Order" not in found
    assert "__main__.Order" not in groups
    assert (groups["builtins.list"].below or 0) >= 32 * groups["builtins.list"].objects
    assert claims(leaks).keys() == {"builtins.list"}
    assert without.garbage is None
    assert {group.below for group in without.orphans} == {None}


@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_what_was_lost_once_is_told_from_what_is_being_lost(
    version: str, typerefs_for: Callable[[str], Path], tmp_path: Path
) -> None:
    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        target.ask("lose", "bytes", NUMBER)
        target.ask("lose", "type", NUMBER)
        words = ("leaks", target.pid, "--blocking")
        first = inspect(*words, "--json")
        (tmp_path / "first.json").write_text(first.output)
        since = ("--baseline", tmp_path / "first.json")
        same = inspect(*words, *since, "--json", "--fail-on", "growing")
        target.ask("lose", "dict", NUMBER)
        target.ask("lose", "type", NUMBER)
        grown = inspect(*words, *since, "--json", "--fail-on", "growing")
        table = inspect(*words, *since, COLUMNS="140")
    assert first.document["types"][0]["growing"] is None
    assert {row["growing"] for row in same.document["types"]} == {0}
    assert grown.status == 9
    assert "typerefs.Leaking" in grown.errors
    assert "builtins.dict" in grown.errors
    assert "builtins.bytes" not in grown.errors
    rows = {row["name"]: row for row in json.loads(grown.output)["types"]}
    assert rows["typerefs.Leaking"]["growing"] >= (1 - MOST_HIDDEN) * NUMBER
    assert "typerefs.Leaking: leaking: " in table.output
    assert "lost before and no more since" in table.output


@pytest.mark.parametrize("version", interpreters(debug=False)[1:])
def test_nothing_is_proved_of_a_process_that_runs_on(
    version: str, typerefs_for: Callable[[str], Path]
) -> None:
    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        target.ask("lose", "bytes", NUMBER)
        document = inspect("leaks", target.pid, "--json").document
        table = inspect("leaks", target.pid, "--limit", 5)
        refused = inspect("leaks", target.pid, "--fail-on", "orphans")
    assert document["proved"] is False
    assert document["pause_ns"] is None
    group: dict[str, Any] = document["orphans"][0]
    assert group["type"] == "builtins.bytes"
    assert [each["repr"] for each in group["sample"]] == [None] * 3
    assert "~" in table.output
    assert "nothing is proved" in table.output
    assert refused.status == 2
    assert "--fail-on needs --blocking" in refused.errors


@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_what_fails_is_said_with_its_status(
    version: str, typerefs_for: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "other.json").write_text("[]")
    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        words = ("leaks", target.pid, "--blocking")
        clean = inspect(*words, "--fail-on", "lost,orphans", "--filter", "*.Leaking")
        target.ask("lose", "type", NUMBER)
        lost = inspect(*words, "--fail-on", "lost", "--filter", "typerefs.*")
        hidden = inspect(*words, "--fail-on", "lost", "--filter", "app.*")
        small = inspect(*words, "--memory", 1)
        strange = inspect(*words, "--baseline", tmp_path / "other.json")
        unknown = inspect(*words, "--fail-on", "all")
    gone = inspect("leaks", 2**31 - 1)
    statuses = [clean, lost, hidden, small, strange, unknown, gone]
    assert [each.status for each in statuses] == [0, 9, 0, 8, 2, 2, 3]
    assert "no references were lost" in clean.output
    assert "typerefs.Leaking" in lost.errors
    assert "--memory " in small.errors
    assert "is not a document of leaks --json" in strange.errors
    assert not any("Traceback" in each.errors for each in statuses)


@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_nothing_is_proved_where_not_all_memory_was_searched(
    version: str, typerefs_for: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_less(pid: int) -> DataPages:
        return find_data_pages(pid)._replace(unknown=["/dev/strange"])

    with Puppet(python_of(version), LOSSES, typerefs_for(version)) as target:
        target.ask("lose", "bytes", NUMBER)
        target.ask("lose", "type", NUMBER)
        monkeypatch.setattr(heap_image, "find_data_pages", find_less)
        leaks = inspector.attach(target.pid).leaks(blocking=True)
    assert not leaks.proved
    assert leaks.unsearched == ("/dev/strange: unknown pages",)
    assert {row.lost for row in leaks.types} == {None}
    assert {group.missing for group in leaks.orphans} == {None}


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_a_process_that_ends_or_becomes_another_one_meanwhile_is_an_error(version: str) -> None:
    with Puppet(python_of(version)) as target:
        attached = inspector.attach(target.pid)
        attached.leaks()
        target.ask("execute")
        with pytest.raises(TargetError):
            attached.leaks(blocking=True)
    with pytest.raises(TargetError):
        attached.leaks(blocking=True)


@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_registers_of_all_threads_are_read_in_the_pause(version: str) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("threads", 2, 1)
        world = OtherProcess(target.pid).stopped(5.0)
        with world.hold(registers=True):
            registers = world.registers or b""
        with world.hold():
            without = world.registers
        mappings = [each for each in read_mappings(target.pid) if each.writable]
        tasks = len(list_tasks(target.pid))
    words = decode_unsigned(registers[: len(registers) // 8 * 8])
    stacks = {each.start for each in mappings for word in words if each.start <= word < each.end}
    # Each thread's stack pointer is among them.
    assert len(stacks) >= tasks == 3
    assert without is None


@free_threaded_only
def test_instances_of_kiwisolver_that_were_freed_are_references_that_nothing_holds() -> None:
    pytest.importorskip("kiwisolver")
    with Puppet(sys.executable, TARGETS / "variables.py") as target:
        attached = inspector.attach(target.pid)
        clean = attached.leaks(blocking=True)
        target.ask(1000)
        leaks = attached.leaks(blocking=True)
    assert claims(clean) == {}
    assert set(claims(leaks)) == {"type kiwisolver.Variable"}
    assert 990 <= (leaks.types[0].lost or 0) <= 1000


@free_threaded_only
def test_the_own_process_is_read_from_beside() -> None:
    with pytest.raises(NoSuchTarget, match="its own memory"):
        inspector.attach().leaks()
