"""What keeps the threads of a process apart, told from outside, and what does not."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import inspector
from inspector.analysis.thread_time import ThreadTime
from inspector.diagnosis.why import Parallelism, find_lines, watch_threads
from inspector.screen.why_export import export_findings
from inspector.snapshots.snapshot import TargetInfo
from tests.live.puppets import Restless
from tests.support import TARGETS, environment, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inspector.analysis.thread_time import Finding

SECONDS = 0.7
PATIENCE = 20.0
WORKERS = 4

versions = pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
read_by_others = pytest.mark.parametrize("version", interpreters(debug=False))


@contextmanager
def apart(version: str, how: str, *options: str, threads: int = WORKERS) -> Iterator[Restless]:
    with Restless(python_of(version), *options, TARGETS / "apart.py", how, str(threads)) as puppet:
        yield puppet


def watch(puppet: Restless, seconds: float = SECONDS) -> Parallelism:
    return watch_threads(inspector.attach(puppet.pid), duration=seconds)


@read_by_others
def test_stops_of_the_world_are_told_with_the_line_that_asks_for_them(version: str) -> None:
    with apart(version, "stop") as puppet:
        found = watch(puppet)
        first = found.findings[0]
        assert first.kind == "stop-the-world"
        assert first.share is not None
        assert first.share > 0.2
        assert (first.lines[0].line, first.lines[0].function) == (puppet.ready["line"], "stop")
        assert found.threads.stopped > 0.3


@read_by_others
def test_a_lock_is_told_with_its_name_and_the_line_that_waits(version: str) -> None:
    with apart(version, "hold") as puppet:
        first = watch(puppet).findings[0]
        assert (first.kind, first.type, first.name) == (
            "lock",
            "_thread.lock",
            "_thread.lock __main__.LOCK",
        )
        # One holds it, and sleeps; the others wait.
        assert 1.5 < first.waiting <= WORKERS
        assert (first.lines[0].line, first.lines[0].function) == (puppet.ready["line"], "hold")
        assert first.lines[0].share > 0.8


ONLY_BEFORE_315 = {"ask", "name", "cache"}
"""What uses an object that 3.15 counts without a word that threads share."""


@versions
@pytest.mark.parametrize(
    ("how", "kind", "name"),
    [
        ("ask", "object", "_thread.lock __main__.OTHER_LOCK (mortal)"),
        ("name", "object", "__main__.Color __main__.Color.RED (mortal)"),
        ("attribute", "object", "builtins.object __main__.SETTINGS.value (mortal)"),
        ("cache", "object", "functools._lru_cache_wrapper __main__.cached (mortal)"),
        ("make_types", "type", "collections.deque: at least "),
    ],
)
def test_what_threads_share_is_told_with_its_path_and_line(
    version: str, how: str, kind: str, name: str
) -> None:
    wanted = version.startswith("3.14") or how not in ONLY_BEFORE_315
    with apart(version, how, threads=2) as puppet:
        found = watch_until(puppet, name) if wanted else find(watch(puppet), name)
    if not wanted:
        assert found is None
        return
    assert found is not None
    assert (found.kind, found.threads) == (kind, 2)
    assert found.lines[0].line == puppet.ready["line"]
    assert found.heat


def find(found: Parallelism, name: str) -> Finding | None:
    """Return the finding of an object or type whose name begins so."""
    for each in found.findings:
        if each.kind in {"object", "type"} and each.name.startswith(name):
            return each
    return None


def watch_until(puppet: Restless, name: str) -> Finding | None:
    """Watch until something is found: where processors are scarce threads seldom meet."""
    seconds = SECONDS
    found = find(watch(puppet), name)
    while found is None and seconds < PATIENCE:
        seconds *= 2
        found = find(watch(puppet, seconds), name)
    return found


@versions
def test_one_thread_contends_with_no_one(version: str) -> None:
    with apart(version, "make_types", threads=1) as puppet:
        found = watch(puppet)
    assert [each.name for each in found.findings if each.kind in {"object", "type"}] == []


@versions
@pytest.mark.parametrize("how", ["compute", "data", "nested", "local"])
def test_no_object_is_told_of_threads_that_scale(version: str, how: str) -> None:
    with apart(version, how, threads=2) as puppet:
        found = watch(puppet)
    assert [each.name for each in found.findings if each.kind in {"object", "type"}] == []


@versions
@pytest.mark.parametrize("how", ["compute", "sleep", "wait", "read"])
def test_nothing_keeps_apart_threads_that_share_nothing(version: str, how: str) -> None:
    with apart(version, how) as puppet:
        found = watch(puppet)
    assert [each.kind for each in found.findings if (each.share or 0) > 0.02] == []
    assert found.threads.number == WORKERS + 1
    doing = {
        "compute": found.threads.running,
        "sleep": found.threads.system,
        "wait": found.threads.work,
        "read": found.threads.system,
    }
    assert doing[how] > WORKERS - 0.5


@versions
def test_a_collector_stops_the_world_and_no_sleeper(version: str) -> None:
    code = (
        "import gc, threading, time\n"
        "for _ in range(20): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print(1, flush=True)\n"
        "while True: gc.collect(); time.sleep(0.002)\n"
    )
    with Restless(python_of(version), "-c", code) as puppet:
        found = watch(puppet)
        assert found.threads.stopped < 0.1
        puppet.process.kill()


@versions
def test_the_gil_is_told_first(version: str) -> None:
    with apart(version, "compute", "-X", "gil=1") as puppet:
        found = watch(puppet)
    first = found.findings[0]
    assert (first.kind, found.target.gil_enabled) == ("gil", True)
    assert first.share is not None
    # Threads that have just been woken to take it count as running.
    assert first.share > 0.02


@versions
def test_the_list_that_threads_append_to_is_told_by_its_own_lock(version: str) -> None:
    with apart(version, "append") as puppet:
        found = watch(puppet)
        locks = [each for each in found.findings if each.type == "builtins.list"]
        # On a machine with one processor to spare threads seldom meet.
        for lock in locks:
            assert lock.name.startswith("builtins.list __main__.SHARED")
            assert lock.lines[0].line == puppet.ready["line"]


@read_by_others
def test_the_command_says_it_as_text_and_as_json(version: str) -> None:
    with apart(version, "hold") as puppet:
        words = [sys.executable, "-m", "inspector", "why", str(puppet.pid), "--duration", "0.5"]
        text = subprocess.run(
            words, env=environment(COLUMNS="200"), capture_output=True, text=True, check=True
        ).stdout
        assert "waiting at" in text
        assert "not visible from here" in text
        done = subprocess.run(
            [*words, "--json", "--fail-on", "lock"],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "threads are kept apart: lock" in done.stderr) == (9, True)
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["schema"] == 1
        assert document["findings"][0]["kind"] == "lock"
        assert set(document["threads"]) == {
            *("number", "running", "stopped", "locked", "gil", "work", "system"),
        }


@versions
def test_a_process_that_ends_meanwhile_is_told_by_what_was_seen(version: str) -> None:
    with apart(version, "sleep") as puppet:

        def end(_seconds: float, _samples: int) -> None:
            assert puppet.process.stdin is not None
            puppet.process.stdin.close()

        found = watch_threads(inspector.attach(puppet.pid), duration=200, tell=end)
    assert found.ended
    assert found.samples


def test_only_kinds_of_findings_can_be_failed_on() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inspector", "why", "1", "--fail-on", "luck"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'luck' is none of stop-the-world, gil" in " ".join(done.stderr.split())


PROGRAM = """
import os, sys, threading
class Settings: pass
SETTINGS = Settings()
SETTINGS.value = object()
stop = threading.Event()
def use():
    while not stop.is_set():
        for _ in range(1000):
            SETTINGS.value, SETTINGS.value, SETTINGS.value
threads = [threading.Thread(target=use) for _ in range(2)]
for each in threads: each.start()
stop.wait(float(sys.argv[1]))
stop.set()
for each in threads: each.join()
print("done", flush=True)
sys.exit(3)
"""


@versions
def test_a_program_is_started_watched_until_it_ends_and_ends_as_it_does(
    version: str, tmp_path: Path
) -> None:
    script, exported = tmp_path / "app.py", tmp_path / "why.json"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "inspector", "why", "--json", "--export", str(exported)),
            *("--", python_of(version), str(script), "4"),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout.startswith("done\n{")
    document = json.loads(exported.read_text())
    assert document == json.loads(done.stdout.partition("\n")[2])
    assert (document["ended"], document["threads"]["number"] > 1) == (True, True)


@pytest.mark.parametrize("suffix", [".svg", ".html", ".txt", ".json"])
def test_findings_are_exported_in_the_format_that_the_name_tells(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"why{suffix}"
    export_findings(nothing_found(), str(path))
    text = path.read_text()
    assert "4242" in text
    begins = {".svg": "<svg", ".html": "<!DOCTYPE html>", ".txt": "inspector why", ".json": "{"}
    assert text.lstrip().startswith(begins[suffix])


def nothing_found() -> Parallelism:
    """Return what is found of a process that does nothing."""
    target = TargetInfo(4242, "3.14.7", gil_enabled=False, command="python app.py")
    time = ThreadTime(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    return Parallelism(
        *(target, 5.0, 100, time, 0.0, 2.0, {"sleep": 1.0}, 0.0, (), ("spinning",)),
        ended=False,
        stopped_by_signal=False,
    )


@versions
def test_one_thread_is_counted_alone_and_an_unknown_one_refused(version: str) -> None:
    with apart(version, "compute", threads=2) as puppet:
        target = inspector.attach(puppet.pid)
        found = watch_threads(target, duration=0.3, threads=[puppet.pid])
        assert (found.threads.number, round(found.threads.system)) == (1.0, 1)
        done = subprocess.run(
            [sys.executable, "-m", "inspector", "why", str(puppet.pid), "--thread", "1"],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, f"hint: it has {puppet.pid}" in done.stderr) == (6, True)


CHURN = """
import os, sys, threading
def work():
    list(range(100))
def forever():
    while True:
        some = [threading.Thread(target=work) for _ in range(4)]
        for each in some: each.start()
        for each in some: each.join()
        if FORK and os.fork() == 0: os._exit(0)
for _ in range(2): threading.Thread(target=forever, daemon=True).start()
print(1, flush=True)
sys.stdin.read()
os._exit(0)
"""


@versions
@pytest.mark.parametrize("fork", ["False", "True"])
def test_threads_that_begin_and_end_and_children_are_no_trouble(version: str, fork: str) -> None:
    code = f"FORK = {fork}\n{CHURN}"
    with Restless(python_of(version), "-W", "ignore", "-c", code) as puppet:
        found = watch(puppet)
    assert not found.ended
    assert found.threads.number >= 1
    # What was told has a name and a place that are of this program.
    for each in found.findings:
        for line in each.lines:
            assert line.file.startswith("<") or line.file.endswith(".py"), line


@versions
def test_a_process_that_becomes_another_program_has_ended(version: str) -> None:
    code = (
        "import os, sys\nprint(1, flush=True)\nsys.stdin.readline()\n"
        "os.execv('/bin/sh', ['sh', '-c', 'read line'])\n"
    )
    with Restless(python_of(version), "-c", code) as puppet:
        said: list[int] = []

        def become(_seconds: float, _samples: int) -> None:
            if not said:
                said.append(1)
                puppet.send("now")

        found = watch_threads(inspector.attach(puppet.pid), duration=100, tell=become)
        puppet.send("end")
    assert found.ended


@versions
def test_hot_tells_the_lines_that_run_when_a_header_changes(version: str) -> None:
    with apart(version, "make_types", threads=2) as puppet:
        target = inspector.attach(puppet.pid)
        address = target.snapshot()["collections.deque"].address
        lines = find_lines(target, [address], duration=2.0)[address]
        assert puppet.ready["line"] in [line.line for line in lines[:2]]
        words = [sys.executable, "-m", "inspector", "hot", str(puppet.pid), "--duration", "1"]
        shown = subprocess.run(
            [*words, "--lines", "--limit", "1"],
            env=environment(COLUMNS="200"),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "collections.deque: on CPU at" in shown
