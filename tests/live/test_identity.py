"""A process is known again, and never taken for another."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inspector.errors import NoSuchTarget, TargetChanged
from inspector.process.identity import check_identity, identify_process, read_thread_names
from tests.live.puppets import Puppet, until_state
from tests.support import BECOME_NOBODY, environment, root_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAT = shutil.which("cat") or "cat"


@pytest.fixture
def puppet(python: str) -> Iterator[Puppet]:
    with Puppet(python) as target:
        yield target


def test_a_process_is_the_same_as_long_as_it_runs(puppet: Puppet) -> None:
    identity = identify_process(puppet.pid)
    assert identity.pid == puppet.pid
    assert identity.user == os.geteuid()
    assert identity.tracer is None
    assert identity.exe == str(Path(f"/proc/{puppet.pid}/exe").readlink())
    puppet.ask("threads", 3, 1)
    check_identity(identity)
    puppet.ask("fork")
    check_identity(identity)


def test_a_forked_child_is_not_its_parent(puppet: Puppet) -> None:
    identity, child = identify_process(puppet.pid), identify_process(puppet.ask("fork"))
    # The memory is a copy, the random bytes included.
    assert child.image == identity.image
    assert child.pid != identity.pid
    check_identity(child)


@pytest.mark.parametrize("layout", ["random", "fixed"])
def test_the_same_program_started_anew_by_exec_is_another(python: str, layout: str) -> None:
    """Without randomisation addresses do not tell them apart."""
    before = ["setarch", "--addr-no-randomize"] if layout == "fixed" else []
    if before and shutil.which("setarch") is None:
        pytest.skip("setarch is missing")
    with Puppet(python, before=before) as target:
        identity = identify_process(target.pid)
        assert target.ask("execute") == "replaced"
        after = identify_process(target.pid)
        assert (after.start_ticks, after.exe) == (identity.start_ticks, identity.exe)
        with pytest.raises(TargetChanged, match="runs another program now"):
            check_identity(identity)


def test_a_process_that_ended_is_gone(puppet: Puppet) -> None:
    identity = identify_process(puppet.pid)
    os.kill(puppet.pid, signal.SIGKILL)
    until_state(puppet.pid, "Z")
    with pytest.raises(NoSuchTarget, match="is a zombie"):
        check_identity(identity)
    puppet.process.wait()
    with pytest.raises(NoSuchTarget, match="does not exist"):
        check_identity(identity)


@root_only
def test_a_pid_that_another_process_got_is_told() -> None:
    """The kernel is asked to give the pid again, which other processes may forestall."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last, os.W_OK):
        pytest.skip("this kernel does not let the next pid be chosen")
    for _ in range(100):
        with subprocess.Popen([CAT], stdin=subprocess.PIPE) as process:
            identity = identify_process(process.pid)
        # Start times are told apart by hundredths of a second, as are these; they are
        # rounded each in its own way, hence two of them.
        seen = {Path("/proc/uptime").read_text()}
        while len(seen) < 3:
            seen.add(Path("/proc/uptime").read_text())
        last.write_text(str(identity.pid - 1))
        with subprocess.Popen([CAT], stdin=subprocess.PIPE) as process:
            if process.pid == identity.pid:
                with pytest.raises(TargetChanged, match="its pid is another's now"):
                    check_identity(identity)
                return
    pytest.skip("the pid was always taken by others")


def test_a_name_cannot_pretend_to_be_other_facts(python: str) -> None:
    code = (
        "import os\n"
        "with open('/proc/self/comm', 'w') as file: file.write('a) Z 1 (\\n\\x1b[31m')\n"
        "os.write(1, b'0\\n')\n"
        "os.read(0, 1)\n"
    )
    with Puppet(python, "-c", code) as target:
        identity = identify_process(target.pid)
        assert identity.state == "S"
        assert identity.name.startswith("a) Z 1 (")
        assert identity.name.isprintable()
        assert all(name.isprintable() for name in read_thread_names(target.pid).values())


def test_a_process_whose_main_thread_ended_is_refused(native: Callable[[str], Path]) -> None:
    process = subprocess.Popen([native("headless")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"0\n"
        until_state(process.pid, "Z")
        with pytest.raises(NoSuchTarget, match=r"main thread .* has ended, others run on"):
            identify_process(process.pid)


def test_a_process_stopped_by_a_signal_is_known(puppet: Puppet) -> None:
    os.kill(puppet.pid, signal.SIGSTOP)
    until_state(puppet.pid, "T")
    identity = identify_process(puppet.pid)
    assert identity.state == "T"
    check_identity(identity)
    os.kill(puppet.pid, signal.SIGCONT)
    check_identity(identity)


def test_threads_have_the_names_that_python_gave_them(puppet: Puppet) -> None:
    ids = puppet.ask("threads", 3, 0)
    names = read_thread_names(puppet.pid)
    assert set(names) == {puppet.pid, *ids}
    # Python 3.14 was the first to tell the kernel.
    assert [names[each] for each in ids] == ["holder-0", "holder-1", "holder-2"]
    assert puppet.ask("join") == 0
    assert set(read_thread_names(puppet.pid)) == {puppet.pid}


@root_only
def test_threads_in_a_pid_namespace_are_numbered_as_they_number_themselves(python: str) -> None:
    before = ["unshare", "--pid", "--fork", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("unshare is missing, or may not make a pid namespace")
    with Puppet(python, before=before) as target:
        assert target.ready == 1
        children = Path(f"/proc/{target.pid}/task/{target.pid}/children").read_text()
        ids = target.ask("threads", 2, 0)
        names = read_thread_names(int(children))
        assert set(names) == {1, *ids}
        assert [names[each] for each in ids] == ["holder-0", "holder-1"]


HIDDEN = f"""
import os, sys
from inspector.errors import AccessDenied
from inspector.process.identity import identify_process
identify_process(os.getpid())
{BECOME_NOBODY}
try:
    identify_process(int(sys.argv[1]))
except AccessDenied as failure:
    print(failure)
"""


@root_only
def test_a_process_that_proc_hides_is_not_said_to_be_gone(puppet: Puppet) -> None:
    script = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"'
    before = ["unshare", "--mount", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*before, sys.executable, "-c", HIDDEN, str(puppet.pid)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount: " in done.stderr:
        pytest.skip(f"no such mount here: {done.stderr}")
    assert "hidepid" in done.stdout, done.stderr
