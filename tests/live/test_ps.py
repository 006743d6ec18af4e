"""`inspector ps`: every CPython process, what can be read of it, and why not more."""

from __future__ import annotations

import os
import re
import subprocess
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import inspector
from inspector.process.permission import ACCESS_HINT
from inspector.reader.process_survey import REFUSED, MemoryFacts, ProcessSurvey, PythonProcess
from inspector.screen.processes import processes_view
from tests.live.puppets import Puppet, inspect, is_running
from tests.support import GIL_VARIABLE, NOBODY, interpreters, python_of, root_only

if TYPE_CHECKING:
    from collections.abc import Sequence


def listed(*, before: Sequence[str] = ()) -> dict[int, dict[str, Any]]:
    """Return what ps says, by pid."""
    document = inspect("ps", "--json", before=before).document
    return {row["pid"]: row for row in document["processes"]}


@pytest.mark.parametrize("version", interpreters())
@pytest.mark.parametrize("gil", ["0", "1"])
def test_a_free_threaded_process_is_listed_with_what_it_is(version: str, gil: str) -> None:
    with Puppet(python_of(version), PYTHON_GIL=gil) as target:
        target.ask("threads", 3, 1)
        target.ask("interpreter", 1)
        row = listed()[target.pid]
        snapshot = inspector.attach(target.pid).snapshot()
        assert is_running(target.pid)
    assert row.pop("rss") > 2**20
    assert row.pop("cpu_percent") >= 0
    assert row.pop("command").startswith(f"{python_of(version)} ")
    assert row == {
        "pid": target.pid,
        "user": subprocess.check_output(["/usr/bin/id", "-un"], text=True).strip(),
        "version": snapshot.target.version,
        "free_threaded": True,
        "gil_enabled": gil == "1",
        "threads": 4,
        "interpreters": 2,
        "heap_types": sum(each.pool.types or 0 for each in snapshot.interpreters),
        "reason": None,
        "hint": None,
    }


@pytest.mark.skipif(GIL_VARIABLE not in os.environ, reason="no Python with a GIL is set")
def test_a_python_with_a_gil_is_listed_with_the_reason() -> None:
    with Puppet(os.environ[GIL_VARIABLE]) as target:
        row = listed()[target.pid]
    assert row["version"].startswith("3.1")
    assert row["free_threaded"] is False
    assert row["gil_enabled"] is True
    assert row["threads"] == 1
    assert row["heap_types"] is None
    assert "publishes no layout" in row["reason"] or "with the GIL built in" in row["reason"]
    assert "python3.14t" in row["hint"]


@root_only
def test_one_that_may_not_be_read_is_listed_with_what_to_do(
    python: str, without_ptrace: list[str]
) -> None:
    with Puppet(python) as target:
        target.ask("become", NOBODY)
        row = listed(before=without_ptrace)[target.pid]
        assert (row["user"], row["threads"], row["version"]) == ("nobody", 1, None)
        assert "not allowed" in row["reason"]
        assert "--cap-add=SYS_PTRACE" in row["hint"]
        # With the capability there is nothing to complain about.
        assert listed()[target.pid]["reason"] is None


def test_the_way_to_the_right_is_said_once_for_all_that_lack_it() -> None:
    facts = MemoryFacts(reason=REFUSED, hint=ACCESS_HINT)
    processes = tuple(
        PythonProcess(pid, "root", 1, None, None, "python", facts) for pid in (12, 13, 14)
    )
    stream = StringIO()
    Console(file=stream, width=200).print(processes_view(ProcessSurvey(processes, 0), 200))
    text = stream.getvalue()
    assert text.count("--cap-add=SYS_PTRACE") == 1
    assert "12, 13, 14: not allowed to read it" in text


def test_processes_that_come_and_go_do_not_disturb() -> None:
    loop = "while :; do /bin/true; done"
    with subprocess.Popen(["/bin/sh", "-c", loop]) as crowd:
        try:
            for _ in range(3):
                assert inspect("ps").status == 0
        finally:
            crowd.kill()


def test_the_table_says_what_is_not_known_and_why(python: str) -> None:
    with Puppet(python) as target:
        outcome = inspect("ps", COLUMNS="120")
        assert outcome.status == 0
        lines = outcome.output.splitlines()
        head = ["PID", "USER", "PYTHON", "GIL", "THREADS", "INTERPRETERS", "TYPES", "RSS", "CPU"]
        assert lines[0].split()[:-1] == head
        (line,) = [each.split() for each in lines if each.split()[:1] == [str(target.pid)]]
    assert re.fullmatch(r"3\.14\.\S+t", line[2])
    assert line[3] == "off"
    assert "free-threaded" in lines[-1]


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_the_table_fits_and_hostile_command_lines_are_harmless(width: int) -> None:
    reason = MemoryFacts(
        "3.13.1", free_threaded=False, gil_enabled=True, reason="has\x1b[31m a GIL"
    )
    processes = (
        PythonProcess(1, "root", 12, 3 * 2**30, 99.9, "python x\x1b]0;title\x07\n" + "y" * 300),
        PythonProcess(4_194_304, "somebody", 1, None, None, "p", reason),
        PythonProcess(5, "somebody", 1, None, None, "p", reason),
    )
    stream = StringIO()
    console = Console(file=stream, width=width)
    console.print(processes_view(ProcessSurvey(processes, hidden=3), width))
    text = stream.getvalue()
    assert max(map(cell_len, text.splitlines())) <= width
    assert text.replace("\n", "").isprintable()
    joined = " ".join(text.split())
    assert "4194304, 5: has\\x1b[31m a GIL" in joined
    assert "3 CPython processes, 0 free-threaded; 3 more may not be read" in joined
