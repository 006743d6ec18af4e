"""Readings of the own process among audit hooks, and where it cannot be stopped."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import (
    TARGETS,
    environment,
    free_threaded_only,
    interpreters,
    printed_by,
    python_of,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = free_threaded_only

every_version = pytest.mark.parametrize("version", interpreters(debug=False, alone=True))


def told(version: str, case: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a case of the program came to."""
    return printed_by(python_of(version), TARGETS / "hooks.py", case, timeout=60)


@every_version
def test_a_hook_hears_of_a_pause_before_it_and_of_nothing_within(version: str) -> None:
    seen = told(version, "pause")
    assert seen["before"][-1] == "ctypes.call_function"
    assert seen["within"] == []
    assert seen["ns"][0] == seen["ns"][1] > 0


@every_version
def test_whichever_call_a_hook_refuses_nothing_stays_stopped(version: str) -> None:
    seen = told(version, "refused")
    assert seen["number"] > 5
    assert seen["wrong"] == []
    told_why = "an audit hook of this program forbids a call that reads memory"
    assert list(seen["answers"]) == [f"AccessDenied: {told_why}: RuntimeError('no')"]


@every_version
def test_a_hook_may_read_at_every_event_of_a_reading(version: str) -> None:
    seen = told(version, "reading")
    assert seen["same"]
    assert seen["inner"]["right"] > 5
    assert set(seen["inner"]) == {"right", "Reentered"}


@every_version
def test_without_executable_memory_the_own_process_is_read_as_any_other(version: str) -> None:
    seen = told(version, "settled")
    if seen is None:
        pytest.skip("this kernel does not know PR_SET_MDWE")
    exact, reason, pause = seen["exact"]
    assert (exact, pause) == (False, None)
    assert reason.startswith("this system allows no executable memory (")
    # The reading itself makes and frees instances of some types.
    assert "__main__.Held" not in seen["moved"]
    assert len(seen["moved"]) < seen["rows"] / 10, seen["moved"]
    assert (seen["more"], seen["stack"], seen["suspended"]) == (1, None, None)


@every_version
@pytest.mark.parametrize("what", ["collects", "ends"])
def test_a_lock_that_a_hook_waits_for_may_belong_to_who_collects_or_waits_for_a_thread(
    version: str, what: str
) -> None:
    seen = printed_by(python_of(version), TARGETS / "lock_order.py", what, timeout=60)
    assert (seen["waited"], seen["first"], seen["then"]) == (True, "Unsettled", "passed")


HOOKED = """
import sys, threading, time
lock, busy = threading.Lock(), True
def hook(*_):
    with lock:
        pass
sys.addaudithook(hook)
def work():
    while busy:
        id(0)
threads = [threading.Thread(target=work) for _ in range(2)]
for each in threads: each.start()
time.sleep(1.5)
busy = False
for each in threads: each.join()
"""


def test_a_program_with_a_hook_that_takes_a_lock_is_reported_on_while_it_runs(
    tmp_path: Path,
) -> None:
    program = tmp_path / "hooked.py"
    program.write_text(HOOKED)
    command = [sys.executable, "-m", "inspector", "run", "--at", "0.3", str(program)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "exact, paused for" in done.stderr
    assert "taken after 0.3 s" in done.stderr


@every_version
@pytest.mark.parametrize(
    "case",
    [
        "in_a_hook",
        "in_a_signal_handler",
        "in_a_finalizer",
        "in_a_trace_function",
        "in_the_import_of_ctypes",
        "in_another_thread",
    ],
)
def test_the_first_use_may_be_anywhere(version: str, case: str) -> None:
    seen = printed_by(python_of(version), TARGETS / "first_use.py", case, timeout=60)
    right = seen["first"].pop("more than ten")
    assert right >= 1
    assert seen["then"] == right + 1
    assert seen["first"] or case == "in_another_thread"
    busy = ("loading inspector", "importing what inspector needs")
    told = [f"Reentered: this thread is {each}, and was interrupted to ask for" for each in busy]
    assert [each for each in seen["first"] if not each.startswith(tuple(told))] == []
