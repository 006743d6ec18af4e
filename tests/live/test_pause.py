"""A stopped target stands still, and runs on afterwards whatever happens to the reader."""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from inspector.errors import (
    AccessDenied,
    NoSuchTarget,
    TargetChanged,
    Unsettled,
)
from inspector.process import proc, ptrace, tracees
from inspector.process.memory import ProcessMemory
from inspector.process.pause import pause_process
from inspector.process.tracees import RUNNING, Tracees
from tests.live.puppets import Restless, until_state
from tests.support import BECOME_NOBODY, environment, root_only, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = 60.0
"""Seconds: a pause limit that no test is to reach."""


class Native(Restless):
    """A target in C, whose threads go on counting."""

    def counts(self) -> bytes:
        """Read how far each thread has counted."""
        ready = self.ready
        return ProcessMemory(self.pid).read(ready["counts"], 8 * ready["threads"])


def states(pid: int) -> Counter[str]:
    """Return how many threads are in which state."""
    return Counter(proc.read_stat(pid, task).state for task in proc.list_tasks(pid))


def tracers(pid: int) -> set[str]:
    return {proc.read_status(pid, task)["TracerPid"] for task in proc.list_tasks(pid)}


def assert_runs_on(target: Native) -> None:
    """Assert that no thread is traced, that each counts, and that the main thread answers."""
    assert tracers(target.pid) == {"0"}
    before = struct.unpack(f"{target.ready['threads']}q", target.counts())
    while True:
        now = struct.unpack(f"{len(before)}q", target.counts())
        if all(new > old for new, old in zip(now, before, strict=True)):
            break
    target.ask("anything")


@pytest.mark.parametrize("threads", [0, 1, 7])
def test_no_thread_moves_in_a_pause_and_all_do_after_it(
    native: Callable[[str], Path], threads: int
) -> None:
    with Native(native("counting"), str(threads)) as target:
        for _ in range(20):
            with pause_process(target.pid, LONG) as pause:
                assert states(target.pid) == {"t": threads + 1}
                before = target.counts() if threads else b""
                os.sched_yield()
                assert (target.counts() if threads else b"") == before
            assert pause.threads == threads + 1
            assert pause.ns > 0
        assert_runs_on(target)


def test_threads_that_are_being_born_are_stopped_too(native: Callable[[str], Path]) -> None:
    with Native(native("breeding"), "3") as target:
        for _ in range(100):
            with pause_process(target.pid, LONG) as pause:
                tasks = set(proc.list_tasks(target.pid))
                assert states(target.pid)["t"] == pause.threads == len(tasks)
                os.sched_yield()
                assert set(proc.list_tasks(target.pid)) == tasks
        assert target.ask("anything") == 1


def test_an_error_in_a_pause_ends_it_and_is_passed_on(native: Callable[[str], Path]) -> None:
    class Mistake(Exception):
        """Any error of a reader."""

    with Native(native("counting"), "2") as target:
        with pytest.raises(Mistake), pause_process(target.pid, LONG):
            raise Mistake
        assert_runs_on(target)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_to_the_reader_is_taken_once_the_target_runs(
    native: Callable[[str], Path], name: str
) -> None:
    taken = []
    number = signal.Signals[name]
    with Native(native("counting"), "2") as target:
        previous = signal.signal(number, lambda *_: taken.append(tracers(target.pid)))
        try:
            with pause_process(target.pid, LONG):
                # To this thread: others do not know of the pause.
                signal.pthread_kill(threading.get_ident(), number)
                assert not taken
            assert taken == [{"0"}]
        finally:
            signal.signal(number, previous)
        assert number not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert_runs_on(target)


READER = """
import os, sys, threading
from inspector.process.pause import pause_process
threads = int(sys.argv[2])
for _ in range(threads):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
with pause_process(int(sys.argv[1]), 60):
    os.write(1, b"stopped\\n")
    while threads:
        pass
    os.read(0, 1)
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM"])
@pytest.mark.parametrize("others", [0, 1], ids=["alone", "threaded"])
def test_a_target_runs_on_when_its_reader_ends(
    native: Callable[[str], Path], name: str, others: int
) -> None:
    """With other threads in the reader, one of these takes the signal at once."""
    number = signal.Signals[name]
    with Native(native("counting"), "2") as target:
        command = [sys.executable, "-c", READER, str(target.pid), str(others)]
        with subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as reader:
            assert reader.stdout is not None
            assert reader.stdout.readline() == b"stopped\n"
            assert states(target.pid) == {"t": 3}
            reader.send_signal(number)
            assert reader.stdin is not None
            # Alone, the reader takes the signal when it has read to the end.
            if number != signal.SIGKILL:
                reader.stdin.close()
            assert reader.wait() in (-number, 1)
        assert_runs_on(target)


def test_a_pause_ends_at_its_limit_although_the_reader_goes_on(
    native: Callable[[str], Path],
) -> None:
    def overrun() -> None:
        with pause_process(target.pid, 1.0):
            while tracers(target.pid) != {"0"}:
                pass

    with Native(native("counting"), "2") as target:
        with pytest.raises(Unsettled, match="within the pause limit of 1 s"):
            overrun()
        assert_runs_on(target)


def test_what_a_signal_had_stopped_stays_stopped(native: Callable[[str], Path]) -> None:
    with Native(native("counting"), "2") as target:
        os.kill(target.pid, signal.SIGSTOP)
        while states(target.pid) != {"T": 3}:
            pass
        for _ in range(3):
            with pause_process(target.pid, LONG):
                assert states(target.pid) == {"t": 3}
            while states(target.pid) != {"T": 3}:
                pass
        os.kill(target.pid, signal.SIGCONT)
        assert_runs_on(target)


def test_a_stopped_process_that_is_continued_in_a_pause_runs_after_it(
    native: Callable[[str], Path],
) -> None:
    with Native(native("counting"), "2") as target:
        os.kill(target.pid, signal.SIGSTOP)
        while states(target.pid) != {"T": 3}:
            pass
        with pause_process(target.pid, LONG):
            os.kill(target.pid, signal.SIGCONT)
            assert states(target.pid) == {"t": 3}
        assert_runs_on(target)


def test_a_process_that_is_stopped_in_a_pause_is_stopped_after_it(
    native: Callable[[str], Path],
) -> None:
    with Native(native("counting"), "2") as target:
        with pause_process(target.pid, LONG):
            os.kill(target.pid, signal.SIGSTOP)
        while states(target.pid) != {"T": 3}:
            pass
        os.kill(target.pid, signal.SIGCONT)
        assert_runs_on(target)


def test_a_signal_that_is_caught_on_its_way_arrives(native: Callable[[str], Path]) -> None:
    """A seized thread stops for a signal before it does for us, if the signal is first."""
    held: list[int] = []

    def catch() -> None:
        seized = Tracees(target.pid)
        assert ptrace.ptrace(ptrace.PTRACE_SEIZE, target.pid, None, None) == 0
        seized._signals[target.pid] = RUNNING
        os.kill(target.pid, signal.SIGRTMIN)
        seized.stop(time.monotonic() + LONG)
        held.extend(seized._signals.values())
        seized.deliver_signals()

    with Native(native("counting"), "0") as target:
        thread = threading.Thread(target=catch)
        thread.start()
        thread.join()
        assert held == [signal.SIGRTMIN]
        assert target.ask("anything") == 1


def test_no_signal_is_lost_or_doubled_by_pauses(native: Callable[[str], Path]) -> None:
    number = 200

    def shower() -> None:
        for _ in range(number):
            os.kill(target.pid, signal.SIGRTMIN)
            os.sched_yield()

    with Native(native("counting"), "2") as target:
        sender = threading.Thread(target=shower)
        sender.start()
        while sender.is_alive():
            with pause_process(target.pid, LONG):
                pass
        sender.join()
        while target.ask("anything") < number:
            pass
        assert target.ask("anything") == number
        assert_runs_on(target)


def test_a_thread_that_cannot_be_stopped_ends_the_attempt_and_is_let_go(
    native: Callable[[str], Path],
) -> None:
    with Native(native("vforking"), "") as target:
        until_state(target.pid, "D")
        match = "1 of 1 threads .* did not stop in time, 1 of them in an uninterruptible"
        with pytest.raises(Unsettled, match=match), pause_process(target.pid, 0.05):
            pytest.fail("it was stopped")
        assert tracers(target.pid) == {"0"}
        assert target.process.stdin is not None
        target.process.stdin.close()
        assert target.answer() == "parent"


def test_a_process_that_is_killed_in_a_pause_keeps_its_exit_status(
    native: Callable[[str], Path],
) -> None:
    with Native(native("counting"), "5") as target:
        with pause_process(target.pid, LONG):
            target.process.kill()
        assert target.process.wait() == -signal.SIGKILL


def test_an_exit_status_after_pauses_is_the_programs_own() -> None:
    code = "import os; os.write(1, b'0\\n'); os.read(0, 1); os._exit(41)"
    with Native(sys.executable, "-c", code) as target:
        with pause_process(target.pid, LONG):
            pass
        target.send("end")
        assert target.process.wait() == 41
        target.process.returncode = 0


def test_a_process_that_keeps_replacing_itself_is_stopped_or_reported(
    native: Callable[[str], Path],
) -> None:
    outcomes: Counter[str] = Counter()
    with Native(native("replacing"), "first") as target:
        for _ in range(200):
            try:
                with pause_process(target.pid, LONG):
                    outcomes["stopped"] += 1
            except TargetChanged:
                outcomes["changed"] += 1
        target.send("end")
        assert target.process.wait() == 0  # it ran on
    assert outcomes["stopped"]


def test_refusals_of_a_process_in_exec_are_not_final_however_long_they_take(
    native: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0

    def refuse(request: int, task: int, *rest: int | None) -> Any:  # noqa: ANN401 - passed on
        nonlocal refused
        if request == ptrace.PTRACE_SEIZE and refused < 30:
            refused += 1
            ctypes.set_errno(errno.EPERM)
            return -1
        return ptrace.ptrace(request, task, *rest)

    def late() -> float:
        return time.monotonic() + refused  # a second each

    slow = SimpleNamespace(monotonic=late, perf_counter_ns=time.perf_counter_ns, sleep=time.sleep)
    monkeypatch.setattr(tracees, "ptrace", refuse)
    monkeypatch.setattr(tracees, "time", slow)
    with Native(native("counting"), "2") as target:
        with pause_process(target.pid, LONG):
            assert states(target.pid) == {"t": 3}
        assert refused == 30
        assert_runs_on(target)


def test_a_stop_that_another_thread_waited_for_is_found_nevertheless(
    native: Callable[[str], Path],
) -> None:
    """Who waits for a child in a thread gets its stops too, and may be faster than we are."""

    def steal() -> None:
        while not any(map(os.WIFSIGNALED, taken)):
            taken.append(os.waitpid(target.pid, 0)[1])

    taken: list[int] = []
    with Native(native("counting"), "2") as target:
        thief = threading.Thread(target=steal)
        thief.start()
        for _ in range(20):
            with pause_process(target.pid, LONG):
                assert states(target.pid) == {"t": 3}
        assert_runs_on(target)
        os.kill(target.pid, signal.SIGKILL)
        thief.join()
    assert any(map(os.WIFSTOPPED, taken))


def test_two_processes_are_stopped_at_once_by_threads_of_one_reader(
    native: Callable[[str], Path],
) -> None:
    def read(target: Native) -> None:
        for _ in range(50):
            with pause_process(target.pid, LONG):
                before = target.counts()
                both.wait()
                assert target.counts() == before
        done.append(target)

    both = threading.Barrier(2)
    done: list[Native] = []
    with Native(native("counting"), "1") as first, Native(native("counting"), "1") as second:
        readers = [threading.Thread(target=read, args=(each,)) for each in (first, second)]
        for each in readers:
            each.start()
        for each in readers:
            each.join()
        assert len(done) == 2
        assert_runs_on(first)
        assert_runs_on(second)


REFUSED = f"""
import os, sys
import inspector.process.permission
from inspector.errors import AccessDenied
from inspector.process.pause import pause_process
{BECOME_NOBODY}
try:
    with pause_process(int(sys.argv[1]), {LONG}):
        pass
except AccessDenied as failure:
    print(failure)
"""


@root_only
@unmeasured("nobody may not write what was measured")
def test_a_process_of_another_user_is_refused(native: Callable[[str], Path]) -> None:
    with Native(native("counting"), "2") as target:
        done = subprocess.run(
            [sys.executable, "-c", REFUSED, str(target.pid)],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"not allowed to stop process {target.pid}\n"
        assert_runs_on(target)


def test_the_own_process_is_refused() -> None:
    with pytest.raises(AccessDenied, match="cannot stop itself"), pause_process(os.getpid(), LONG):
        pass


def test_a_process_that_is_gone_is_no_target() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(NoSuchTarget), pause_process(process.pid, LONG):
        pass


def test_a_pause_that_fails_keeps_nothing_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    collects = gc.isenabled()
    gc.disable()
    try:
        pause = pause_process(child.pid, LONG)
        left = weakref.ref(pause)
        try:
            pause.__enter__()
        except NoSuchTarget:
            del pause
        # No collection was needed: neither the pause nor what its caller held is garbage.
        assert left() is None
    finally:
        if collects:
            gc.enable()


def test_a_zombie_is_no_target() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    until_state(process.pid, "Z")
    with pytest.raises(NoSuchTarget, match="has ended"), pause_process(process.pid, LONG):
        pass
    assert process.wait() == 0


CYCLES = 100


@pytest.mark.parametrize("program", ["breeding", "counting"])
def test_targets_that_are_killed_at_any_moment_do_no_harm(
    native: Callable[[str], Path], program: str
) -> None:
    """Each is stopped until it is gone."""
    previous = signal.getsignal(signal.SIGALRM)
    try:
        for cycle in range(CYCLES):
            with Native(native(program), "3") as target:
                for _ in range(cycle % 3):
                    with pause_process(target.pid, LONG):
                        pass
                # Not Popen.kill: it polls first, and would take a stop for the end.
                signal.signal(signal.SIGALRM, partial(kill, target.pid))
                signal.setitimer(signal.ITIMER_REAL, (1 + cycle % 20) / 10000)
                with pytest.raises(NoSuchTarget):
                    stop_for_ever(target.pid)
            assert target.process.returncode == -signal.SIGKILL
    finally:
        signal.signal(signal.SIGALRM, previous)


def kill(pid: int, *_: object) -> None:
    os.kill(pid, signal.SIGKILL)


def stop_for_ever(pid: int) -> None:
    while True:
        with pause_process(pid, LONG):
            pass
