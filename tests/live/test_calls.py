"""What the kernel is asked to do when another process is read: nothing that changes it."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.live.puppets import Puppet, inspect, is_running
from tests.support import interpreters, python_of, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = unmeasured("it writes what it measures")

STOPS = {"PTRACE_SEIZE", "PTRACE_INTERRUPT", "PTRACE_GETSIGINFO", "PTRACE_DETACH"}
"""Requests that stop a thread, ask why it stopped, and let it go."""

OUTPUT = {"1", "2", "anon_inode:[eventfd]"}
"""Where the reader writes: its own streams, and the word between its two threads."""

NEVER = {
    "process_vm_writev",
    "pwrite64",
    "pwritev",
    "kill",
    "tkill",
    "tgkill",
    "pidfd_open",
    "pidfd_send_signal",
    "process_madvise",
    "prlimit64",
}
"""Calls that write to another process, or tell it something."""


class Call(NamedTuple):
    """A system call as strace prints it."""

    name: str
    arguments: str


def trace(folder: Path, *words: object) -> list[Call]:
    """Run inspector under strace and return the calls of all its threads."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    record = folder / "calls"
    options = ["-f", "-qq", "-yy", "-s", "400", "-o", str(record)]
    outcome = inspect(*words, before=[strace, *options], PYTHONDONTWRITEBYTECODE="1")
    if "ptrace" in outcome.errors and not record.stat().st_size:
        pytest.skip("this machine lets nobody trace")
    assert outcome.status == 0, outcome.errors
    lines = re.findall(r"^\d+ +(\w+)\((.*)", record.read_text(errors="replace"), re.MULTILINE)
    return [Call(*line) for line in lines]


@pytest.fixture
def calls(tmp_path: Path) -> Callable[..., list[Call]]:
    """Return a function that traces a command."""
    return lambda *words: trace(tmp_path, *words)


def assert_changes_nothing(made: list[Call], pid: int) -> None:
    """Assert that there were calls, and that none writes to the target by any way there is."""
    assert any(each.name == "process_vm_readv" for each in made)
    # Of itself the reader's library asks its limits when a thread starts, and for a handle.
    itself = {"prlimit64": r"0, \w+, NULL, ", "pidfd_open": rf"(?!{pid},)"}
    touching = [each for each in made if each.name in NEVER]
    assert [
        each for each in touching if not re.match(itself.get(each.name, "never"), each.arguments)
    ] == []
    for name, arguments in made:
        if name.startswith("open") and f"/proc/{pid}" in arguments:
            assert "O_RDONLY" in arguments
        if name.startswith("write"):
            where = re.match(r"(\d+)<(.*?)>", arguments)
            assert where is not None, arguments
            assert OUTPUT & set(where.groups()), arguments


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_a_blocking_dump_asks_for_stops_and_for_nothing_that_writes(
    version: str, calls: Callable[..., list[Call]]
) -> None:
    with Puppet(python_of(version)) as target:
        target.ask("threads", 3, 5)
        made = calls("dump", target.pid, "--blocking", "--json")
        assert is_running(target.pid)
        assert target.ask("join") == 0
        assert_changes_nothing(made, target.pid)
        requests = [each.arguments.split(",")[0] for each in made if each.name == "ptrace"]
        assert set(requests) <= STOPS
        assert requests.count("PTRACE_SEIZE") == requests.count("PTRACE_INTERRUPT") == 4


@pytest.mark.parametrize("version", interpreters(debug=False))
@pytest.mark.parametrize("command", ["dump", "doctor"])
def test_nothing_is_stopped_unless_that_is_asked_for(
    command: str, version: str, calls: Callable[..., list[Call]]
) -> None:
    with Puppet(python_of(version)) as target:
        made = calls(command, target.pid)
        assert_changes_nothing(made, target.pid)
        assert [each for each in made if each.name == "ptrace"] == []
