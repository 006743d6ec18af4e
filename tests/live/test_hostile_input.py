"""Streams, sizes, numbers and files that no command can use: one error, and no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from inspector.cli import main
from inspector.cli import record as recorder_command
from inspector.cli.app import build_app
from inspector.launch import recorder
from inspector.snapshots import recording as recordings
from inspector.snapshots.recording import RecordingReader, RecordingWriter
from tests.live.puppets import Outcome, Puppet, inspect
from tests.live.terminals import Terminal
from tests.screen.builder import row, snapshot
from tests.support import environment, free_threaded_only

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLOSED = "inspector: error: cannot write standard output: it is closed\n"
FULL = "inspector: error: cannot write standard output: No space left on device\n"
DEEP = '{"inspector": "recording", "columns": ' + "[" * 100_000 + "\n"
UNFIT = {
    "deep.json": "[" * 100_000,
    "deep.jsonl": DEEP,
    "object.json": '{"objects":' * 100_000,
    "infinite.json": '{"target": {}, "exact": true, "taken_ns": 1e999, "interpreters": [{}]}',
    "empty.json": "",
    "blank.json": "\n\n",
    "null.json": "null",
    "digits.json": "9" * 5000,
}
"""Files that are neither a recording nor a document, by name."""


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = str(tmp_path / "r.jsonl")
    with RecordingWriter(path, {}) as writer:
        for number in (1, 2):
            rows = [row(f"app.T{each}", local=each + number) for each in range(30)]
            writer.add(snapshot(*rows))
    return path


def through_a_shell(redirection: str, *words: str, timeout: float = 60) -> Outcome:
    """Run inspector as a shell does, with its streams as a redirection leaves them."""
    command = [sys.executable, "-m", "inspector", *words]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        env=environment(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


WORDS = [
    ("--help",),
    ("doctor", "--json", "self"),
    *[
        pytest.param(words, marks=free_threaded_only)
        for words in (
            ("dump", "self"),
            ("attach", "--once", "self"),
            ("hot", "--duration", "0.05", "self"),
            ("type", "collections.deque", "self"),
        )
    ],
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_standard_output_that_is_closed_is_one_error(words: tuple[str, ...]) -> None:
    assert through_a_shell(">&-", *words) == (2, "", CLOSED)


@pytest.mark.parametrize("words", [("--help",), ("--version",)], ids=" ".join)
def test_a_standard_output_that_is_full_is_one_error(words: tuple[str, ...]) -> None:
    assert through_a_shell(">/dev/full", *words) == (2, "", FULL)


def test_a_replay_and_a_difference_without_standard_output_are_one_error(recording: str) -> None:
    assert through_a_shell(">&-", "replay", "--once", recording) == (2, "", CLOSED)
    assert through_a_shell(">&-", "diff", recording) == (2, "", CLOSED)


@pytest.mark.parametrize("redirection", ["<&- >&- 2>&-", "2>/dev/full", "2>&-"])
def test_wrong_usage_that_nobody_can_be_told_of_has_its_status(redirection: str) -> None:
    assert through_a_shell(redirection, "dump", "--nonsense") == (2, "", "")


@free_threaded_only
def test_no_file_of_ours_takes_the_place_of_a_stream_that_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    program = f"""
import os, time
while not os.path.exists({str(path)!r}) or os.path.getsize({str(path)!r}) < 1000:
    for number in 1, 2:
        try:
            os.write(number, b"into" + b" it?")
        except OSError:
            pass
"""
    words = ("record", "--interval", "0.1", "-o", str(path), "-c", program)
    outcome = through_a_shell("<&- >&- 2>&-", *words)
    assert (outcome.output, outcome.errors) == ("", "")
    assert b"into it?" not in path.read_bytes()
    with RecordingReader(str(path)) as reader:
        assert len(reader) >= 1


@free_threaded_only
def test_a_program_finds_those_streams_closed_that_were() -> None:
    program = """
import os
for number in range(3):
    try:
        os.fstat(number)
    except OSError:
        os.write(2, b"%d is closed\\n" % number)
os._exit(0)
"""
    outcome = through_a_shell("<&- >&-", "run", "-c", program)
    assert outcome == (0, "", "0 is closed\n1 is closed\n")


@pytest.mark.parametrize("size", ["0", "\N{SUPERSCRIPT TWO}"])
def test_a_size_that_makes_no_sense_is_as_good_as_none(size: str, recording: str) -> None:
    for words in (["diff", "--help"], ["replay", "--once", recording]):
        odd = inspect(*words, COLUMNS=size, LINES=size, TERMINAL_WIDTH=size)
        assert odd == inspect(*words)


def test_a_terminal_is_as_wide_as_it_is_whatever_the_environment_says(recording: str) -> None:
    for words in (["diff", "--help"], ["diff", recording]):
        with Terminal.inspector(*words, COLUMNS="0", LINES="0", TERMINAL_WIDTH="0") as terminal:
            assert terminal.end() == 0, terminal.written
        assert max(map(len, terminal.lines)) in range(30, Terminal.SIZE[0] + 1)


SECONDS = [
    ("run", "-c", "1", "--at"),
    ("attach", "--once", "--interval"),
    ("attach", "--once", "--duration"),
    ("hot", "--duration"),
    ("hot", "--rate"),
    ("why", "1", "--duration"),
    ("why", "1", "--rate"),
    ("dump", "--pause-limit"),
    ("scale", "int", "--seconds"),
    ("audit", "queue", "--timeout"),
    ("replay", "x", "--speed"),
    ("record", "1", "-o", "x", "--duration"),
]
"""Every option that takes a number with a point; ``--pause-limit`` of one verb."""


def parameters() -> Iterator[tuple[str, Any]]:
    """Yield every parameter of every verb, with the verb."""
    group: Any = get_command(build_app(()))
    for verb, command in group.commands.items():
        for each in command.params:
            yield verb, each


def test_every_option_that_takes_a_number_with_a_point_is_among_these() -> None:
    found = {each.opts[0] for _, each in parameters() if "float" in each.type.name}
    assert found == {words[-1] for words in SECONDS}
    sampled = {verb for verb, each in parameters() if "--rate" in each.opts}
    assert sampled == {words[0] for words in SECONDS if words[-1] == "--rate"}


@pytest.mark.parametrize("words", SECONDS, ids=lambda words: f"{words[0]} {words[-1]}")
def test_numbers_that_no_clock_tells_are_wrong_usage(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    *before, option = words
    for number in ("nan", "inf", "-inf", "1e300", "-1"):
        # Options of a program that is run come before it.
        rest = before[1:] if before[0] == "run" else []
        given = [before[0], f"{option}={number}", *(rest or before[1:])]
        assert main(given) == 2, number
        assert option in capsys.readouterr().err


def test_an_empty_word_is_wrong_usage_of_every_verb(capfd: pytest.CaptureFixture[str]) -> None:
    programs = {"run", "record"}  # their words are the program's, which may be empty
    tried = 0
    for verb, each in parameters():
        name = each.opts[-1] if each.opts[0].startswith("-") else ""
        if each.type.name == "boolean" or (not name and verb in programs):
            continue
        # `ps` takes no process, and an option of it nothing behind.
        rest = () if not name or verb == "ps" else ("1", "1") if verb == "type" else ("1",)
        files = ("-o", "x") if verb == "record" and name != "-o" else ()
        assert main([verb, *((name,) if name else ()), "", *files, *rest]) == 2, (verb, name)
        output, errors = capfd.readouterr()
        assert output == ""
        assert "is empty" in errors or "''" in errors, (verb, name, errors)
        tried += 1
    assert tried > 60


@free_threaded_only
def test_a_recording_is_named_without_its_control_characters(tmp_path: Path) -> None:
    path = str(tmp_path / "a\nb\x1b[31m\u202e.jsonl")
    program = "import os, sys\nwhile not os.path.exists(sys.argv[1]): pass"
    outcome = inspect("record", "-o", path, "-c", program, path)
    assert outcome.status == 0, outcome.errors
    assert r"a\nb\x1b[31m\u202e.jsonl, " in outcome.errors


@free_threaded_only
def test_a_program_that_ends_before_its_first_reading_is_said_to_have_ended(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start_and_wait(words: Sequence[str], limit: float) -> tuple[subprocess.Popen[bytes], Any]:
        child, target = recorder.start_program(words, limit)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        return child, target

    monkeypatch.setattr(recorder_command, "start_program", start_and_wait)
    path = tmp_path / "r.jsonl"
    program = "import time; time.sleep(1); raise SystemExit(7)"
    assert main(["record", "-o", str(path), "-c", program]) == 3
    said = "the program ended with status 7 before it was read\nhint: record what runs for longer\n"
    assert capfd.readouterr() == ("", f"inspector: error: {said}")
    assert not path.exists()


def test_a_difference_of_one_file_says_what_that_is(
    recording: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reading = tmp_path / "reading.json"
    reading.write_text(json.dumps(snapshot(row("app.T")).as_dict()))
    for text, said in ((None, "a single reading"), ("hello", "neither a recording nor a document")):
        if text is not None:
            reading.write_text(text)
        assert main(["diff", str(reading)]) == 2
        assert said in capfd.readouterr().err
    assert main(["diff", recording]) == 0


@free_threaded_only
@pytest.mark.parametrize("verb", ["why", "hot"])
def test_a_process_that_a_signal_stopped_is_said_to_be(verb: str, python: str) -> None:
    words = ("--duration", "0.05")
    with Puppet(python) as target:
        target.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            still = inspect(verb, target.pid, *words)
        finally:
            target.process.send_signal(signal.SIGCONT)
        document = json.loads(inspect(verb, target.pid, *words, "--json").output)
    assert f"kill -CONT {target.pid} lets it go on" in still.output
    assert "nothing was seen" not in still.output
    assert document["stopped_by_signal"] is False


@pytest.mark.parametrize("verb", ["replay", "diff"])
@pytest.mark.parametrize("name", UNFIT)
def test_json_that_is_no_snapshot_is_one_error(
    verb: str, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_text(UNFIT[name])
    assert main([verb, str(path), *([str(path)] if verb == "diff" else ["--once"])]) == 2
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.startswith(f"inspector: error: {path} ")


@pytest.mark.parametrize("verb", ["replay", "diff"])
def test_what_is_no_regular_file_is_refused_at_once(
    verb: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("/dev/zero", "/dev/urandom", "/", str(pipe)):
        assert main([verb, path, *([path] if verb == "diff" else [])]) == 2
        output, errors = capfd.readouterr()
        assert output == ""
        assert errors.startswith(f"inspector: error: cannot read {path}: ")


@pytest.mark.parametrize("verb", ["replay", "diff"])
@pytest.mark.parametrize("begin", ["", "{", '{"inspector": "recording"', "good"])
def test_a_file_of_a_terabyte_is_refused_before_it_is_read(
    verb: str,
    begin: str,
    recording: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recordings, "LONGEST_LINE", 1 << 16)
    if begin != "good":
        Path(recording).write_text(begin)
    os.truncate(recording, 1 << 40)
    assert main([verb, recording, *([recording] if verb == "diff" else [])]) == 2
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.startswith(f"inspector: error: {recording}")


@pytest.mark.parametrize("limit", ["0", str(1 << 70)])
def test_a_replay_without_a_limit_ends_and_shows_all(limit: str, recording: str) -> None:
    outcome = inspect("replay", recording, "--limit", limit, timeout=60)
    assert outcome.status == 0, outcome.errors
    assert outcome.output.count("app.T") == 2 * 30


def test_rows_that_are_exported_are_those_that_are_shown(recording: str, tmp_path: Path) -> None:
    for limit, rows, suffixes in (("0", 30, ("svg", "csv")), ("7", 7, ("html", "json"))):
        for suffix in suffixes:
            file = tmp_path / f"x.{suffix}"
            words = ("replay", "--once", recording, "--limit", limit, "--export", file)
            assert inspect(*words, timeout=30).status == 0
            assert file.read_text().count("app.T") == rows, (limit, suffix)


@free_threaded_only
@pytest.mark.parametrize("verb", [("attach", "--once"), ("hot", "--duration", "0.1")])
def test_a_table_without_a_limit_has_every_row(verb: tuple[str, ...], python: str) -> None:
    with Puppet(python) as target:
        outcome = inspect(*verb, target.pid, "--limit", "0", timeout=60)
    assert outcome.status == 0, outcome.errors
    assert len(outcome.output.splitlines()) > 200


USES_UP = {
    "recursion": "import sys; sys.setrecursionlimit(30)",
    "files": """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
try:
    while True:
        os.open(os.devnull, os.O_RDONLY)
except OSError:
    pass
""",
    "memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))",
}


@free_threaded_only
@pytest.mark.parametrize(
    ("used", "how"),
    [
        ("recursion", ()),
        ("recursion", ("--verdicts",)),
        ("files", ()),
        ("files", ("--at", "0.01")),
        ("memory", ("--verdicts",)),
    ],
    ids=str,
)
def test_a_program_that_leaves_nothing_to_report_with_ends_as_it_wants(
    used: str, how: tuple[str, ...]
) -> None:
    program = f"{USES_UP[used]}\nimport time; time.sleep(0.1)\nraise SystemExit(7)"
    outcome = inspect("run", *how, "-c", program)
    assert (outcome.status, outcome.output) == (7, "")
    assert "Traceback" not in outcome.errors
    assert "Exception ignored" not in outcome.errors
    errors = [line for line in outcome.errors.splitlines() if line.startswith("inspector: error:")]
    reports = outcome.errors.count("sorted by total") + outcome.errors.count("that were used")
    assert (len(errors), reports) in {(0, 1), (1, 0), (1, 1)}
    if used == "recursion":
        assert reports


@free_threaded_only
@pytest.mark.parametrize("verb", ["dump", "doctor"])
def test_a_reader_that_may_open_no_more_files_says_so(verb: str, python: str) -> None:
    with Puppet(python) as target:
        outcome = inspect(verb, target.pid, before=["sh", "-c", 'ulimit -n 4; exec "$@"', "sh"])
    told = outcome.output + outcome.errors
    assert outcome.status == 1
    assert "Too many open files" in told
    assert "see ulimit -n" in told
    assert "try again" not in told
    assert "Traceback" not in told
