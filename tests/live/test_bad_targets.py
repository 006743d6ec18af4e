"""What cannot be read: one error, what to do about it, an exit status, and no harm done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.errors import NoSuchTarget, NotFreeThreaded, TargetChanged, UnsupportedVersion
from inspector.process.pause import pause_process
from tests.extension.build import compiler
from tests.live.puppets import Outcome, Puppet, inspect, is_running, state_of, until_state
from tests.support import (
    BECOME_NOBODY,
    GIL_VARIABLE,
    NOBODY,
    TARGETS,
    environment,
    interpreters,
    python_of,
    root_only,
    unmeasured,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def puppet(python: str) -> Iterator[Puppet]:
    with Puppet(python) as target:
        yield target


def assert_refused(outcome: Outcome, status: int, message: str, hint: str) -> None:
    """Assert that a command ended with one error, and a hint, on standard error."""
    error, advice = outcome.errors.splitlines()
    assert error.startswith("inspector: error: ")
    assert message in error
    assert advice.startswith("hint: ")
    assert hint in advice
    assert outcome.output == ""
    assert outcome.status == status


def assert_obeys(target: Puppet) -> None:
    """Assert that a target runs on as if nothing had been."""
    assert is_running(target.pid)
    assert target.ask("make", 1) >= 1


def test_a_pid_that_no_process_has() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert_refused(inspect("dump", process.pid), 3, "does not exist", "ended")
    assert_refused(inspect("dump", 2**31 - 1), 3, "does not exist", "ended")
    assert_refused(inspect("dump", 2**64), 3, "does not exist", "ended")


@pytest.mark.parametrize("word", ["1.5", "-4"])
def test_a_pid_that_is_none_is_wrong_usage(word: str) -> None:
    outcome = inspect("dump", word)
    assert outcome.status == 2
    assert "Usage: inspector dump" in outcome.errors
    assert "Traceback" not in outcome.errors


def test_a_zombie() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    until_state(process.pid, "Z")
    parent = f"its parent, process {os.getpid()},"
    assert_refused(inspect("dump", process.pid), 3, "is a zombie", parent)
    assert process.wait() == 0


def test_a_thread_of_the_kernel() -> None:
    comm = Path("/proc/2/comm")
    if not comm.exists() or comm.read_text() != "kthreadd\n":
        pytest.skip("no thread of the kernel is visible here")
    assert_refused(inspect("dump", 2), 3, "is a thread of the kernel", "inspector ps")


def test_a_thread_of_a_process(puppet: Puppet) -> None:
    (thread,) = puppet.ask("threads", 1, 1)
    assert_refused(inspect("dump", thread), 3, f"a thread of process {puppet.pid}", str(puppet.pid))
    assert_obeys(puppet)


def test_a_process_that_is_no_python() -> None:
    with subprocess.Popen(["/bin/sleep", "100"]) as process:
        try:
            # It is python until it is sleep, and has no libraries in between.
            while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
                pass
            while b"libc" not in Path(f"/proc/{process.pid}/maps").read_bytes():
                pass
            assert_refused(inspect("dump", process.pid), 5, "(sleep) does not run CPython", "ps")
            assert is_running(process.pid)
        finally:
            process.kill()


@pytest.mark.skipif(GIL_VARIABLE not in os.environ, reason="no Python with a GIL is set")
def test_a_python_with_a_gil() -> None:
    with Puppet(os.environ[GIL_VARIABLE]) as target:
        outcome = inspect("dump", target.pid)
        if "publishes no layout" in outcome.errors:
            assert_refused(outcome, 5, "runs CPython 3.1", "python3.14t or newer")
        else:
            assert_refused(outcome, 5, "with the GIL built in", "python3.14t and newer")
        assert_obeys(target)


@pytest.mark.parametrize(
    ("minor", "message"), [(12, "publishes no layout"), (13, "with the GIL built in")]
)
def test_a_python_of_before_314(minor: int, message: str) -> None:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python3.{minor}"))
    if not found:
        pytest.skip(f"no Python 3.{minor} is installed")
    with Puppet(found[-1]) as target:
        assert_refused(inspect("dump", target.pid), 5, message, "python3.14t")
        assert_obeys(target)


def test_a_python_that_has_not_begun_yet(tmp_path: Path) -> None:
    """Here a program that only has the name."""
    program = tmp_path / "python3.14t"
    shutil.copy("/bin/cat", program)
    # It reads its input, whose end ends it.
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        outcome = inspect("dump", process.pid)
        assert_refused(outcome, 3, "is not there", "starting or ending")
        assert is_running(process.pid)


def test_a_32_bit_process(tmp_path: Path) -> None:
    program = tmp_path / "narrow"
    words = ["-m32", "-nostdlib", "-static", "-o", str(program), str(TARGETS / "narrow.c")]
    try:
        subprocess.run([compiler() or "cc", *words], check=True, capture_output=True)
        target = Puppet(program, "")
    except (OSError, subprocess.CalledProcessError, AssertionError) as reason:
        pytest.skip(f"32-bit programs cannot be made or run here: {reason}")
    with target:
        assert_refused(inspect("dump", target.pid), 5, "runs a 32-bit program", "64-bit CPython")
        assert is_running(target.pid)


# Run as root, with all modules loaded that nobody may have no right to read.
AS_NOBODY = f"""
import contextlib, io, os, sys
import inspector.cli, inspector.process.permission, inspector.screen.streams
with contextlib.redirect_stdout(io.StringIO()):
    assert inspector.cli.main(sys.argv[1:]) == 0
{BECOME_NOBODY}
sys.exit(inspector.cli.main(sys.argv[1:]))
"""


@root_only
@unmeasured("nobody may not write what was measured")
def test_a_process_of_another_user(puppet: Puppet) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "dump", str(puppet.pid)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    message = f"not allowed to read process {puppet.pid}"
    assert_refused(outcome, 4, message, "it runs as another user: ")
    assert "sudo" in outcome.errors or "--cap-add=SYS_PTRACE" in outcome.errors
    assert_obeys(puppet)


@root_only
def test_root_without_the_capability(puppet: Puppet, without_ptrace: list[str]) -> None:
    assert puppet.ask("become", NOBODY) == NOBODY
    outcome = inspect("dump", puppet.pid, before=without_ptrace)
    assert_refused(outcome, 4, "not allowed to read", "--cap-add=SYS_PTRACE")
    assert_obeys(puppet)


def test_a_process_that_somebody_else_has_stopped(puppet: Puppet) -> None:
    with pause_process(puppet.pid, 60):
        outcome = inspect("dump", puppet.pid, "--blocking")
        assert inspect("dump", puppet.pid).status == 0
    assert_refused(outcome, 4, "traced already, by process", "read without stopping")
    assert_obeys(puppet)


@pytest.mark.parametrize("version", interpreters())
def test_one_that_is_finalizing(version: str) -> None:
    with Puppet(python_of(version), TARGETS / "finalizing.py") as target:
        assert target.ready == "finalizing"
        for option in ("--limit=5", "--blocking"):
            outcome = inspect("dump", target.pid, option)
            assert_refused(outcome, 3, "is finalizing", "before the program ends")
        assert is_running(target.pid)


@pytest.mark.parametrize("blocking", [False, True], ids=["running", "blocking"])
def test_one_stopped_by_a_signal_is_read_and_stays_stopped(puppet: Puppet, blocking: bool) -> None:  # noqa: FBT001
    puppet.ask("make", 30)
    os.kill(puppet.pid, signal.SIGSTOP)
    until_state(puppet.pid, "T")
    document = inspect("dump", puppet.pid, "--json", *["--blocking"] * blocking).document
    (row,) = [row for row in document["objects"] if row["name"] == "__main__.Shared"]
    assert row["contributions"] == {str(puppet.pid): 30}
    assert state_of(puppet.pid) == "T"
    os.kill(puppet.pid, signal.SIGCONT)
    assert_obeys(puppet)


@pytest.mark.parametrize("blocking", [False, True], ids=["running", "blocking"])
def test_one_that_ends_between_two_readings(puppet: Puppet, blocking: bool) -> None:  # noqa: FBT001
    target = inspector.attach(puppet.pid)
    assert target.snapshot(blocking=blocking)
    puppet.process.kill()
    until_state(puppet.pid, "Z")
    with pytest.raises(NoSuchTarget, match="has ended"):
        target.snapshot(blocking=blocking)
    puppet.process.wait()
    with pytest.raises(NoSuchTarget, match="does not exist"):
        target.snapshot(blocking=blocking)


@pytest.mark.parametrize("blocking", [False, True], ids=["running", "blocking"])
def test_one_that_runs_another_program_between_two_readings(
    puppet: Puppet,
    blocking: bool,  # noqa: FBT001
) -> None:
    target = inspector.attach(puppet.pid)
    assert target.snapshot(blocking=blocking)
    assert puppet.ask("execute") == "replaced"
    with pytest.raises(TargetChanged, match="another program") as caught:
        target.snapshot(blocking=blocking)
    assert "attach to it anew" in caught.value.hint
    assert inspector.attach(puppet.pid).snapshot()


def test_the_own_process_of_a_python_with_a_gil() -> None:
    if "t" in getattr(sys, "abiflags", ""):
        pytest.skip("this Python has no GIL built in")
    with pytest.raises(NotFreeThreaded, match="has the GIL built in") as caught:
        inspector.attach()
    assert "PID of a process" in caught.value.hint
    assert not isinstance(caught.value, UnsupportedVersion)
