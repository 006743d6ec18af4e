"""Recordings of real processes: what replay shows, what diff finds, what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from inspector.errors import FileError, NoSuchTarget
from inspector.launch.recorder import start_program
from inspector.reader.target import PAUSE_LIMIT
from inspector.snapshots.recording import RecordingReader
from tests.live.puppets import Puppet, inspect
from tests.support import environment, free_threaded_only, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARED = "__main__.Shared"
RECORD = (sys.executable, "-m", "inspector", "record", "--interval", "0.1")


@pytest.fixture(params=interpreters(debug=False))
def puppet(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    with Puppet(python_of(request.param)) as target:
        target.ask("collect")
        yield target


def recording(puppet: Puppet, path: Path, count: int) -> subprocess.Popen[str]:
    """Start a recorder and wait until it has taken so many readings, however long that takes."""
    recorder = subprocess.Popen(
        [*RECORD, str(puppet.pid), "-o", str(path)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while readings(path) < count:
        assert recorder.poll() is None
    return recorder


def interrupted(puppet: Puppet, path: Path, count: int) -> str:
    """Record at least so many readings, press Ctrl-C, and return what is told then."""
    with recording(puppet, path, count) as recorder:
        recorder.send_signal(signal.SIGINT)
        _, told = recorder.communicate()
    assert recorder.returncode == 0
    return told


def recorded(puppet: Puppet, path: Path) -> Path:
    """Take one reading, of counts alone."""
    words = ("--duration", 0, "--no-instances")
    done = inspect("record", puppet.pid, "-o", path, *words)
    assert done.status == 0, done.errors
    return path


def test_a_replay_shows_the_numbers_that_were_live(puppet: Puppet, tmp_path: Path) -> None:
    puppet.ask("make", 700)
    puppet.ask("threads", 2, 50)
    live = inspect("dump", puppet.pid, "--json").document["objects"]
    path = recorded(puppet, tmp_path / "r.jsonl.gz")
    shown = inspect("replay", path, "--once", "--json").document["objects"]
    known = live[0].keys()
    assert {each["address"]: {key: each[key] for key in known} for each in shown} == {
        each["address"]: each for each in live
    }


def test_diff_finds_exactly_what_was_made_between_two_marks(puppet: Puppet, tmp_path: Path) -> None:
    puppet.ask("make", 10)
    before = recorded(puppet, tmp_path / "before.jsonl")
    puppet.ask("make", 1234)
    puppet.ask("collect")
    after = recorded(puppet, tmp_path / "after.jsonl")
    for words in ((before, after), (before, puppet.pid)):
        [change] = inspect("diff", *words, "--json").document["changes"]
        assert (change["name"], change["growth"], change["what"]) == (SHARED, 1234, "changed")
    puppet.ask("drop", 1234)
    [change] = inspect("diff", after, puppet.pid, "--json").document["changes"]
    assert (change["name"], change["growth"]) == (SHARED, -1234)
    assert inspect("diff", before, puppet.pid, "--json").document["changes"] == []
    several = tmp_path / "several.jsonl"
    interrupted(puppet, several, 2)
    assert inspect("diff", several, "--json").document["changes"] == []


def test_growth_fails_where_it_is_told_to(puppet: Puppet, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(inspect("dump", puppet.pid, "--json").output)
    puppet.ask("make", 60)
    grown = inspect("diff", before, puppet.pid, "--fail-on", 60)
    assert grown.status == 9
    assert f"{SHARED} +60" in grown.errors
    assert SHARED in grown.output
    assert inspect("diff", before, puppet.pid, "--fail-on", 61).status == 0
    assert inspect("diff", before, puppet.pid, "--fail-on", 1, "--filter", "other.*").status == 0


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_a_killed_recorder_leaves_every_reading_that_was_in_its_file(
    puppet: Puppet, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"r.{suffix}"
    with recording(puppet, path, 3) as recorder:
        seen = readings(path)
        recorder.send_signal(signal.SIGKILL)
    assert readings(path) >= seen
    shown = inspect("replay", path, "--once", "--json").document["objects"]
    assert SHARED in {each["name"] for each in shown}


def readings(path: Path) -> int:
    """Return how many readings can be had of a file that is being written."""
    try:
        with RecordingReader(str(path)) as reader:
            return len(reader)
    except FileError:
        return 0


def test_the_end_of_a_process_ends_its_recording(puppet: Puppet, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with recording(puppet, path, 2) as recorder:
        os.kill(puppet.pid, signal.SIGKILL)
        puppet.process.wait()
    assert recorder.returncode == 0
    assert readings(path) >= 2


@free_threaded_only
def test_a_program_is_recorded_from_its_start_to_its_end(tmp_path: Path) -> None:
    path, script, pipe = tmp_path / "r.jsonl", tmp_path / "script.py", tmp_path / "pipe"
    os.mkfifo(pipe)
    script.write_text(
        "import sys\n"
        "class Order: pass\n"
        "kept = [Order() for _ in range(321)]\n"
        "print(sys.argv[1:])\n"
        "open(sys.argv[1]).read()\n"
        "sys.exit(5)\n"
    )
    recorder = subprocess.Popen(
        [*RECORD, "-o", str(path), str(script), str(pipe), "--output", "mine"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    while "__main__.Order" not in names(path):
        assert recorder.poll() is None
    pipe.write_text("")
    output, _ = recorder.communicate()
    assert output == f"{[str(pipe), '--output', 'mine']}\n"
    assert recorder.returncode == 5


def names(path: Path) -> Any:  # noqa: ANN401 - JSON
    if not readings(path):
        return set()
    with RecordingReader(str(path)) as reader:
        return {row.name for row in reader.read(len(reader) - 1)}


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["replay", "/nowhere"], 2, "cannot read /nowhere: No such file or directory"),
        (["replay", "/etc/passwd"], 2, "/etc/passwd is not an inspector recording"),
        (["diff", "/etc/passwd", "/etc/passwd"], 2, "neither a recording nor a document"),
        (["diff", "/etc/passwd"], 2, "neither a recording nor a document"),
        (["record", "999999999", "-o", "/nowhere/x"], 3, "does not exist"),
        (["attach", "1", "--sort", "size"], 2, "is none of total"),
        (["attach", "1", "--export", "x.png"], 2, "ends in none of"),
        (["record", "-o", "/nowhere/x", "nothing.py"], 2, "can't open file 'nothing.py'"),
    ],
)
def test_bad_input_is_one_clear_error(words: list[str], status: int, text: str) -> None:
    done = inspect(*words, COLUMNS="200")
    assert done.status == status
    assert text in done.errors
    assert "Traceback" not in done.errors


def test_a_replay_begins_where_it_is_told_to(puppet: Puppet, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    interrupted(puppet, path, 3)
    count = readings(path)
    known = [
        inspect("replay", path, "--once", "--json", "--reading", number).document["taken_ns"]
        for number in (1, 2, count, -1)
    ]
    assert known[0] < known[1] < known[2] == known[3]
    printed = inspect("replay", path, "--json", "--reading", 2, "--speed", 64).output
    assert len(printed.splitlines()) == count - 1


def test_json_of_a_difference_names_both_readings(puppet: Puppet, tmp_path: Path) -> None:
    path = recorded(puppet, tmp_path / "r.jsonl")
    document = json.loads(inspect("diff", path, puppet.pid, "--json").output)
    assert document["same_process"]
    assert document["before"]["pid"] == document["after"]["pid"] == puppet.pid


def test_ctrl_c_ends_a_recording_and_leaves_it_whole(puppet: Puppet, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    told = interrupted(puppet, path, 2)
    assert f"{readings(path)} readings in {path}, {path.stat().st_size:,} bytes" in told


def test_types_that_came_and_went_are_told_apart(puppet: Puppet, tmp_path: Path) -> None:
    before = recorded(puppet, tmp_path / "before.jsonl")
    puppet.ask("classes", 3)
    after = recorded(puppet, tmp_path / "after.jsonl")
    for words, what, sign in (((before, after), "new", 1), ((after, before), "gone", -1)):
        changes = inspect("diff", *words, "--json").document["changes"]
        made = {each["name"]: each for each in changes if each["name"].startswith("many.")}
        assert {"many.Class0", "many.Class1"} < made.keys()
        assert {each["what"] for each in made.values()} == {what}
        assert all(each["growth"] * sign > 0 for each in made.values())


def test_two_processes_are_compared_by_the_names_of_their_types(
    puppet: Puppet, tmp_path: Path
) -> None:
    puppet.ask("make", 10)
    path = recorded(puppet, tmp_path / "r.jsonl")
    with Puppet(str(puppet.process.args[0])) as other:  # type: ignore[index]
        other.ask("collect")
        other.ask("make", 110)
        other.ask("classes", 2)
        document = inspect("diff", path, other.pid, "--json").document
        shown = inspect("diff", path, other.pid).output
        later = recorded(other, tmp_path / "other.jsonl")
    turned = inspect("diff", later, path, "--json").document
    for each, what in ((document, "new"), (turned, "gone")):
        found = {row["name"]: row["what"] for row in each["changes"]}
        assert found["many.Class0"] == what
    (change,) = [each for each in document["changes"] if each["name"] == SHARED]
    assert not document["same_process"]
    assert change["growth"] == 100
    assert "two processes: objects of one name are counted together" in shown


@free_threaded_only
def test_a_program_that_ends_before_it_is_read_is_told_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.touch()
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(NoSuchTarget, match="ended with status 1 before it was read"):
        start_program([str(script)], PAUSE_LIMIT)
