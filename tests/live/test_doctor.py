"""`inspector doctor`: every offset with its evidence, and the evidence can be against it."""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.cpython import layout as layouts
from inspector.cpython.published import Published
from inspector.diagnosis import layout_checks
from inspector.diagnosis.timing import PHASES
from inspector.errors import InspectorError
from inspector.process.identity import read_thread_names
from inspector.process.memory import ProcessMemory
from tests.live.puppets import Puppet, inspect, is_running
from tests.support import (
    FREE_THREADED,
    NOBODY,
    TARGETS,
    interpreters,
    python_of,
    root_only,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.cpython.layout import Layout


@pytest.fixture(params=interpreters())
def puppet(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    with Puppet(python_of(request.param)) as target:
        target.ask("threads", 2, 5)
        target.ask("interpreter", 1)
        yield target


def test_every_offset_of_a_healthy_process_agrees(puppet: Puppet) -> None:
    document = inspect("doctor", puppet.pid, "--json").document
    layout = inspector.attach(puppet.pid).layout
    assert document["ok"]
    assert document["error"] is None
    assert document["permission"]["readable"]
    fields = {each["field"]: each for each in document["fields"]}
    assert {each["field"] for each in document["heap"]["fields"]} >= {"mi_page_t.xheap"}
    assert document["heap"]["error"] is None
    threads = {each["field"]: each for each in document["threads"]["fields"]}
    assert document["threads"]["error"] is None
    assert all(each["value"] is not None for each in threads.values()), threads
    assert "PyInterpreterState.stoptheworld" in threads
    located = re.findall(r"\d+", threads["interpreter_frame.instr_ptr"]["evidence"])
    assert located[0] == located[1] != "0"
    assert [each for each in fields.values() if not each["ok"]] == []
    assert Counter(each["source"] for each in fields.values()).keys() == {
        *("published", "discovered", "header")
    }
    for each in layout.offsets:
        assert fields[each.field]["value"] == each.value
    types = fields["PyTypeObject.tp_mro"]["evidence"].split()
    assert types[0] == types[2]
    assert int(types[0].replace(",", "")) > 100
    assert is_running(puppet.pid)


def test_the_last_line_says_yes(puppet: Puppet) -> None:
    outcome = inspect("doctor", puppet.pid)
    assert outcome.status == 0
    lines = outcome.output.splitlines()
    assert lines[-1].startswith(f"yes: process {puppet.pid} can be read, and all ")
    assert any(line.startswith("_PyThreadStateImpl.refcounts") for line in lines)


@pytest.mark.parametrize("version", interpreters())
def test_every_name_that_python_allows_is_read_and_speaks_against_no_offset(version: str) -> None:
    with Puppet(python_of(version), TARGETS / "names.py") as target:
        outcome = inspect("doctor", target.pid, "--json")
        assert outcome.status == 0, outcome.output
        assert [each["field"] for each in outcome.document["fields"] if not each["ok"]] == []
        found = {str(row.address): row.name for row in inspector.attach(target.pid).snapshot()}
    assert target.ready
    assert {address: found[address] for address in target.ready} == target.ready


UNTOLD = {
    # Nearly always 0, and so are its neighbours.
    *("runtime_state.finalizing", "interpreter_state.gc", "gc.collecting"),
    # Small numbers, and so are their neighbours.
    *("interpreter_state.id", "code_object.firstlineno"),
    # NULL in a frame that runs, as its neighbour may be.
    "interpreter_frame.stackpointer",
}
"""Offsets that being wrong by a few words cannot be seen of."""


def shifted(layout: Layout, field: str, by: int, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Return a layout in which one offset that was not discovered is wrong."""
    group, _, name = field.partition(".")
    if group == "PyTypeObject":
        right = layouts._FROM_TP_NAME[name]
        monkeypatch.setitem(layouts._FROM_TP_NAME, name, right + by)
        return layout
    if group == "PyHeapTypeObject":
        constant = {
            "ht_qualname": "_QUALNAME_BEFORE_UNIQUE_ID",
            "ht_module": "_MODULE_BEFORE_UNIQUE_ID",
        }[name]
        monkeypatch.setattr(layouts, constant, getattr(layouts, constant) - by)
        return layout
    before = layout.published
    published = Published(before.version, {**before, field: before[field] + by})
    return layout._replace(published=published)


def test_an_offset_that_is_wrong_is_found_out(
    puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout_checks, "TRIES", 1)
    memory, tasks = ProcessMemory(puppet.pid), partial(read_thread_names, puppet.pid)
    layout = inspector.attach(puppet.pid).layout
    healthy = layout_checks.check_layout(memory, layout, tasks)
    believed = []
    for evidence, _ in healthy:
        if evidence.source == "discovered" or evidence.field in UNTOLD:
            continue
        with monkeypatch.context() as patch:
            wrong = shifted(layout, evidence.field, 8, patch)
            try:
                found = layout_checks.check_layout(memory, wrong, tasks)
            except InspectorError:
                continue
        answers = {each.field: ok for each, ok in found}
        if answers[evidence.field] and False not in answers.values():
            believed.append(evidence.field)
    assert len(healthy) > 40
    assert believed == []


@root_only
def test_without_the_right_it_says_what_to_do_and_ends_with_the_errors_status(
    puppet: Puppet, without_ptrace: list[str]
) -> None:
    puppet.ask("become", NOBODY)
    outcome = inspect("doctor", puppet.pid, before=without_ptrace)
    assert outcome.status == 4
    assert outcome.errors == ""
    last = outcome.output.splitlines()[-1]
    assert last.startswith(f"no: not allowed to read process {puppet.pid}; ")
    assert "--cap-add=SYS_PTRACE" in last
    assert f"reader 0, process {NOBODY} (the same: no)" in outcome.output


def test_a_process_that_is_not_there() -> None:
    outcome = inspect("doctor", 2**31 - 1)
    assert outcome.status == 3
    assert outcome.output.splitlines()[-1].startswith("no: process 2147483647 does not exist; ")


def test_without_a_pid_it_looks_at_itself() -> None:
    outcome = inspect("doctor")
    last = outcome.output.splitlines()[-1]
    assert "other processes that can be read" in outcome.output
    if FREE_THREADED:
        assert outcome.status == 0
        assert last.startswith("yes: this process can be read, and all ")
    else:
        assert outcome.status == 5
        version = ".".join(map(str, sys.version_info[:3]))
        assert last.startswith(f"no: this Python {version} has the GIL built in; ")


def test_timing_tells_every_phase_and_its_system_calls(puppet: Puppet) -> None:
    timing = inspect("doctor", puppet.pid, "--timing", "--json").document["timing"]
    attach = {each["name"]: each for each in timing["attach"]}
    assert {"identity", "runtime", "published", "discovery"} <= set(attach)
    assert attach["discovery"]["calls"] > 10
    first, later = ({e["name"]: e for e in timing[part]} for part in ("first", "next"))
    for phases in (first, later):
        assert {"identity", "read", "names", "threads", "rows"} <= set(phases)
        assert all(each["ns"] > 0 for each in phases.values())
        # Passes of a few calls, however many objects there are.
        assert 0 < phases["read"]["calls"] < 30
        assert phases["read"]["bytes"] > 100_000
    # Nothing is planned or named anew where nothing changed, and one pass is enough.
    assert "plan" in first
    assert "plan" not in later
    assert first["names"]["calls"] > later["names"]["calls"] == 0
    assert later["read"]["bytes"] < first["read"]["bytes"]


def test_the_tables_of_timing_add_up(puppet: Puppet) -> None:
    outcome = inspect("doctor", puppet.pid, "--timing")
    assert outcome.status == 0
    tables = re.findall(
        r" TIME +READS +KIB *\n((?:.*\n)+?together +\S+ \S+ +([\d,]+) +([\d,]+) *\n)",
        outcome.output,
    )
    assert len(tables) == 3
    for text, *sums in tables:
        *phases, _ = re.findall(r" ([\d,]+) +([\d,]+) *$", text, re.MULTILINE)
        reads, kib = (
            [int(each.replace(",", "")) for each in column] for column in zip(*phases, strict=True)
        )
        assert sum(reads) == int(sums[0].replace(",", ""))
        assert 0 <= int(sums[1].replace(",", "")) - sum(kib) <= len(kib)


@pytest.mark.skipif(not FREE_THREADED, reason="reads its own process")
def test_timing_of_the_own_process_tells_every_phase() -> None:
    timing = inspect("doctor", "--timing", "--json").document["timing"]
    named = {each["name"] for part in timing.values() for each in part}
    assert set(PHASES) - {"identity"} <= named
