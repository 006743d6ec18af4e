"""The report of `inspector run`: when it comes, where it goes, and that it is right."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.puppets import Outcome, inspect
from tests.support import environment, free_threaded_only, unmeasured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = free_threaded_only

WAIT_FOR_REPORTS = """
import sys, time
def wait(path, reports):
    while True:
        with open(path) as file:
            if file.read().count("\\n") >= reports:
                break
        time.sleep(0.01)
"""


def run(words: Sequence[str], directory: Path) -> Outcome:
    return inspect("run", *words, cwd=directory)


def reports(code: str, directory: Path, *options: str, status: int = 0) -> list[dict[str, Any]]:
    """Run code with a JSON report in a file that it knows as sys.argv[1]; return the documents."""
    path = directory / "report.json"
    words = [*options, "--json", "--output", "report.json", "-c", code, str(path)]
    done = run(words, directory)
    assert (done.status, done.errors) == (status, "")
    return [json.loads(line) for line in path.read_text().splitlines()]


def totals(document: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["total"] for each in document["objects"]}


INSTANCES = """
import threading
class Kept: pass
class Dropped: pass
class Empty: pass
kept = []
def work():
    kept.extend(Kept() for _ in range(1000))
    for _ in range(1000):
        Dropped()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_the_report_at_the_end_counts_what_the_program_still_has(tmp_path: Path) -> None:
    [document] = reports(INSTANCES, tmp_path)
    found = totals(document)
    assert document["exact"]
    assert found["__main__.Kept"] - found["__main__.Empty"] == 4000
    assert found["__main__.Dropped"] == found["__main__.Empty"]


def test_it_comes_after_threads_were_joined_and_the_programs_own_atexit(tmp_path: Path) -> None:
    code = """
import atexit, threading
class Thread: pass
class Atexit: pass
class Empty: pass
kept = []
go = threading.Event()
def work():
    go.wait()
    kept.extend(Thread() for _ in range(10))
threading.Thread(target=work).start()
@atexit.register
def late():
    kept.extend(Atexit() for _ in range(20))
go.set()
"""
    [document] = reports(code, tmp_path)
    found = totals(document)
    assert found["__main__.Thread"] - found["__main__.Empty"] == 10
    assert found["__main__.Atexit"] - found["__main__.Empty"] == 20


def test_the_exit_status_stays_the_programs_own(tmp_path: Path) -> None:
    assert len(reports("import sys; sys.exit(3)", tmp_path, status=3)) == 1


def test_a_program_that_fails_is_reported_too(tmp_path: Path) -> None:
    done = run(["--filter", "Order", "-c", "class Order: pass\n1/0"], tmp_path)
    assert done.status == 1
    traceback, report = done.errors.split("ZeroDivisionError: division by zero\n")
    assert "inspector" not in traceback
    assert "__main__.Order" in report


def test_a_program_that_ends_at_once_is_not_reported(tmp_path: Path) -> None:
    assert reports("import os; os._exit(5)", tmp_path, status=5) == []


def test_children_do_not_report(tmp_path: Path) -> None:
    code = """
import os, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
if os.fork() == 0:
    sys.exit()
os.wait()
subprocess.run([sys.executable, "-c", "1"], check=True)
for method in ("fork", "forkserver"):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert pool.submit(abs, -1).result() == 1
"""
    [document] = reports(code, tmp_path)
    assert document["target"]["command"] == "-c"


def test_a_moment_replaces_the_end(tmp_path: Path) -> None:
    code = WAIT_FOR_REPORTS + "kept = wait(sys.argv[1], 1)\nclass Later: pass"
    [document] = reports(code, tmp_path, "--at", "0.05")
    assert "__main__.Later" not in totals(document)


def test_each_moment_has_its_report(tmp_path: Path) -> None:
    code = f"""{WAIT_FOR_REPORTS}
class Order: pass
class Empty: pass
wait(sys.argv[1], 1)
kept = [Order() for _ in range(500)]
with open("made", "w") as file:
    file.write(str(time.time_ns()))
wait(sys.argv[1], 2)
"""
    first, second = reports(code, tmp_path, "--at", "0.2", "--at", "2")
    before, after = totals(first), totals(second)
    assert before.get("__main__.Order") == before.get("__main__.Empty")
    # On a machine too busy for that the second reading may come before all were made.
    made = after["__main__.Order"] - after["__main__.Empty"]
    in_time = second["taken_ns"] > int((tmp_path / "made").read_text())
    assert made == 500 if in_time else 0 <= made <= 500


def test_moments_that_the_program_does_not_live_to_see_are_one_report_at_its_end(
    tmp_path: Path,
) -> None:
    code = WAIT_FOR_REPORTS + "wait(sys.argv[1], 1)\nclass Order: pass"
    options = [word for moment in ("5000", "0.05", "4000") for word in ("--at", moment)]
    first, last = reports(code, tmp_path, *options)
    assert "__main__.Order" not in totals(first)
    assert "__main__.Order" in totals(last)


def test_the_thread_that_waits_is_seen_in_the_report_and_not_by_the_program(
    tmp_path: Path,
) -> None:
    code = f"""{WAIT_FOR_REPORTS}
import threading
assert threading.active_count() == 1, threading.enumerate()
wait(sys.argv[1], 1)
assert threading.active_count() == 1, threading.enumerate()
assert threading.main_thread() is threading.current_thread()
"""
    [document] = reports(code, tmp_path, "--at", "0.05")
    [interpreter] = document["interpreters"]
    assert len(interpreter["threads"]) == 2


@unmeasured("its modules are there before the program, and are some of ours")
def test_types_that_came_with_inspector_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    [document] = reports("class Order: pass", tmp_path)
    names = set(totals(document))
    assert "__main__.Order" in names
    assert not any(name.startswith(("inspector.", "_ctypes.", "dataclasses.")) for name in names)
    [document] = reports("class Order: pass", tmp_path, "--filter", "inspector.*")
    assert "inspector.snapshots.snapshot.Snapshot" in totals(document)


def test_a_type_that_the_program_uses_too_is_not_left_out(tmp_path: Path) -> None:
    [document] = reports("import ctypes; kept = ctypes.c_int(1)", tmp_path)
    assert "ctypes.c_int" in totals(document)
    code = WAIT_FOR_REPORTS + "import re; kept = re.match('a', 'a'); wait(sys.argv[1], 1)"
    [document] = reports(code, tmp_path, "--at", "0.5")
    assert "re.Match" in totals(document)
    assert "inspector.snapshots.snapshot.Snapshot" not in totals(document)


def test_a_report_needs_nothing_from_where_the_program_went(tmp_path: Path) -> None:
    code = "import os, sys; os.chdir('/'); sys.path.clear(); sys.argv.clear(); os.environ.clear()"
    assert len(reports(code, tmp_path)) == 1


@pytest.mark.parametrize("options", [(), ("--at", "0.5")], ids=["end", "moment"])
def test_a_program_with_a_module_called_inspector_is_reported(
    options: Sequence[str], tmp_path: Path
) -> None:
    directory = tmp_path / "theirs"
    directory.mkdir()
    (directory / "inspector.py").write_text("class Theirs: pass")
    code = WAIT_FOR_REPORTS + "import inspector\n"
    if options:
        code += "wait(sys.argv[1], 1)\n"
    (directory / "prog.py").write_text(code + "inspector.Theirs()\n")
    path = tmp_path / "report.json"
    words = [*options, "--json", "-o", str(path), "theirs/prog.py", str(path)]
    done = run(words, tmp_path)
    assert (done.status, done.errors) == (0, "")
    assert "inspector.Theirs" in totals(json.loads(path.read_text()))


def test_the_programs_own_use_of_inspector_works(tmp_path: Path) -> None:
    code = """
import inspector
class Order: pass
base = inspector.refcount(Order).total
kept = [Order() for _ in range(100)]
assert inspector.refcount(Order).total == base + 100
print("right")
"""
    done = run(["--output", "report", "-c", code], tmp_path)
    assert (done.status, done.output, done.errors) == (0, "right\n", "")


def test_the_report_follows_what_the_program_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inspector", "run", "-c", "print('first')"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=100,
    )
    assert done.stdout.startswith("first\ninspector · pid ")
    assert "taken at its end" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.py"], "can't open file 'nowhere.py': No such file or directory"),
        (["empty"], "can't open file 'empty': it is a directory without a __main__.py"),
        (["a\nb"], "can't open file 'a\\nb': No such file or directory"),
        (["-m"], "argument expected for the -m option"),
        (
            ["--output", "/nowhere/x", "-c", "1"],
            "cannot write /nowhere/x: No such file or directory",
        ),
        (["--output", ".", "-c", "1"], "cannot write .: Is a directory"),
    ],
)
def test_what_cannot_begin_is_one_error_and_status_2(
    words: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = run(words, tmp_path)
    assert (done.status, done.output) == (2, "")
    assert done.errors.splitlines()[0] == f"inspector: error: {said}"


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_without_site_or_environment_nothing_is_started(option: str, tmp_path: Path) -> None:
    start = (
        f"import sys; sys.path.insert(0, {environment()['PYTHONPATH']!r}); sys.path += {sys.path}; "
    )
    start += "from inspector.cli import main; sys.exit(main(['run', '-c', 'print(1)']))"
    done = subprocess.run(
        [sys.executable, option, "-c", start],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint: leave out -I, -E and -S" in done.stderr


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    done = run(["--output", "/dev/full", "-c", "print('out'); raise SystemExit(3)"], tmp_path)
    assert (done.status, done.output) == (3, "out\n")
    assert done.errors == "inspector: error: cannot write /dev/full: No space left on device\n"


@pytest.mark.parametrize("closing", ["sys.stderr.close()", "os.close(2)", "sys.__stderr__ = None"])
def test_a_program_without_standard_error_ends_as_it_wants(closing: str, tmp_path: Path) -> None:
    done = run(["-c", f"import os, sys; {closing}; sys.exit(6)"], tmp_path)
    assert done.status == 6
