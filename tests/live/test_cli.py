"""The command line: what is printed, where, and with which exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

import inspector
from inspector.cli import main
from inspector.cli.codes import EXIT_CODES
from inspector.errors import InspectorError
from tests.live.puppets import inspect
from tests.live.terminals import Terminal
from tests.support import FREE_THREADED, environment, free_threaded_only, unmeasured


def on_a_terminal(*words: str, columns: int, lines: int, **variables: str) -> str:
    """Return what a command shows on a terminal of some size."""

    class Sized(Terminal):
        SIZE = columns, lines

    with Sized.inspector(*words, **variables) as terminal:
        assert terminal.end() == 0, terminal.written
        return terminal.written


def every_error(root: type[InspectorError] = InspectorError) -> list[type[InspectorError]]:
    return [root, *(each for child in root.__subclasses__() for each in every_error(child))]


def test_every_errors_exit_status_is_documented() -> None:
    documented = inspect("--help", COLUMNS="200").output
    for error in every_error():
        assert error.exit_code in EXIT_CODES
    for status, meaning in EXIT_CODES.items():
        assert f"{status} {meaning}" in " ".join(re.sub("[│╭╮╰╯─]", " ", documented).split())


def test_the_version_is_the_packages() -> None:
    done = inspect("--version")
    assert done.status == 0
    assert done.output.startswith(f"inspector {inspector.__version__} (Python 3.")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("dump", "--nonsense"),
        ("dump", "--sort", "size"),
        ("dump", "--limit", "-1"),
        ("dump", "0"),
        ("dump", "--kind", "object"),
        ("dump", "--pause-limit", "0"),
        ("dump", "pid"),
        ("run",),
        ("run", "--at", "-1", "-c", "1"),
        ("run", "--at", "soon", "-c", "1"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_and_says_so_on_standard_error(words: tuple[str, ...]) -> None:
    done = inspect(*words)
    assert done.status == 2
    assert "Usage: inspector" in done.output + done.errors
    assert "Traceback" not in done.errors


@pytest.mark.skipif(FREE_THREADED, reason="this Python can be inspected")
@pytest.mark.parametrize(
    "words",
    [
        ("dump", "self"),
        ("attach", "self"),
        ("run", "-c", "print('never')"),
        ("audit", "re"),
        ("scale", "object()"),
    ],
)
def test_a_python_with_a_gil_is_one_error_with_a_hint(words: tuple[str, ...]) -> None:
    done = inspect(*words)
    assert (done.status, done.output) == (5, "")
    error, hint = done.errors.splitlines()
    assert error.startswith("inspector: error: this Python 3.")
    assert hint.startswith("hint: ")


@free_threaded_only
def test_a_pipe_gets_twenty_rows_of_every_column_and_no_colour() -> None:
    done = inspect("dump", "self")
    assert (done.status, done.errors) == (0, "")
    lines = done.output.splitlines()
    assert lines[0].startswith("inspector · pid ")
    assert lines[3].split()[:3] == ["TYPE", "TOTAL", "GETREFCOUNT"]
    assert lines[3].split()[-1] == "ADDRESS"
    rows = lines[4:24]
    assert all(row.split()[-1].startswith("0x") for row in rows)
    assert lines[24] == ""
    assert "\x1b" not in done.output
    assert "…" not in done.output


@free_threaded_only
@pytest.mark.parametrize(
    "verb", ["dump self", "dump self --pool", "doctor self", "ps", "type collections.deque self"]
)
def test_a_line_in_a_pipe_ends_with_its_last_word(verb: str) -> None:
    done = inspect(*verb.split())
    assert (done.status, done.errors) == (0, "")
    assert [line for line in done.output.splitlines() if line.endswith(" ")] == []


@free_threaded_only
def test_a_pipe_is_as_wide_as_columns_says() -> None:
    done = inspect("dump", "self", COLUMNS="70")
    assert max(map(len, done.output.splitlines())) <= 70


@free_threaded_only
def test_rows_are_sorted_by_total_and_limited() -> None:
    done = inspect("dump", "self", "--limit", "7", "--json")
    objects = json.loads(done.output)["objects"]
    totals = [each["total"] for each in objects]
    assert len(totals) == 7
    assert totals == sorted(totals, reverse=True)


@free_threaded_only
def test_json_is_the_document_of_the_snapshot_and_nothing_else() -> None:
    done = inspect("dump", "self", "--json")
    assert (done.status, done.errors) == (0, "")
    assert done.output.count("\n") == 1
    document: dict[str, Any] = json.loads(done.output)
    expected = inspector.snapshot().as_dict()
    assert list(document) == list(expected)
    assert list(document["objects"][0]) == list(expected["objects"][0])
    assert len(document["objects"]) > 100


@free_threaded_only
def test_filters_find_by_pattern_and_by_last_name() -> None:
    done = inspect("dump", "self", "--json", "--filter", "collections.*", "--filter", "Match")
    names = {each["name"] for each in json.loads(done.output)["objects"]}
    assert {"collections.deque", "re.Match"} <= names
    assert all(name.startswith("collections.") or name.endswith(".Match") for name in names)


@free_threaded_only
def test_nothing_found_is_said() -> None:
    done = inspect("dump", "self", "--filter", "no.such.Type")
    assert done.status == 0
    assert done.output.splitlines()[-1] == "no type matches"


@free_threaded_only
def test_a_terminal_gets_the_rows_and_columns_that_fit() -> None:
    shown = on_a_terminal("dump", "self", "--threads", columns=80, lines=30)
    text = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert "\x1b[1m" in shown
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 30
    assert re.search(r"^(\d+) of [\d,]+ types, sorted by total; --limit 0", text, re.MULTILINE)
    assert "MainThread" in text


@free_threaded_only
def test_no_color_means_no_colour() -> None:
    shown = on_a_terminal("dump", "self", columns=100, lines=30, NO_COLOR="1")
    codes = {code for each in re.findall(r"\x1b\[([\d;]*)m", shown) for code in each.split(";")}
    assert codes <= {"", "0", "1", "2"}  # bold and dim are no colours


@free_threaded_only
@pytest.mark.parametrize(
    "words", [("dump", "self", "--limit", "0"), ("dump", "self", "--json")], ids=" ".join
)
def test_a_reader_that_goes_away_ends_it_quietly(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "inspector", *words],
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=100,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@free_threaded_only
def test_a_full_disk_is_one_error() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "inspector", "dump", "self", "--json"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=100,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("inspector: error: cannot write standard output: No space")


@free_threaded_only
def test_a_stream_that_cannot_say_it_gets_escapes() -> None:
    done = inspect("dump", "self", "--limit", "1", PYTHONIOENCODING="ascii")
    assert done.status == 0
    assert done.output.isascii()
    assert done.output.startswith("inspector \\xb7 pid ")


@pytest.mark.parametrize(
    ("error", "status", "lines"),
    [
        (inspector.NoSuchTarget("no process 1", pid=1), 3, ["no process 1"]),
        (inspector.MemoryFault(16, 8), 7, ["cannot read 8 bytes at 0x10", "hint: "]),
        (inspector.Unsettled("a\x1b[2Jb\nc", tries=3, hint="d"), 8, ["a\\x1b[2Jb\\nc", "hint: d"]),
    ],
)
def test_an_error_is_its_message_its_hint_and_its_status(
    error: InspectorError,
    status: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def attach(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(inspector, "attach", attach)
    assert main(["dump", "self"]) == status
    said = capfd.readouterr().err.splitlines()
    assert said[0] == f"inspector: error: {lines[0]}"
    assert len(said) == len(lines)
    assert all(line.startswith(start) for line, start in zip(said[1:], lines[1:], strict=True))


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def attach(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspector, "attach", attach)
    assert main(["dump", "self"]) == 130


@pytest.mark.parametrize(
    "module", ["inspector.cli", "inspector.cli.fast_dump", "inspector.screen.streams", "typer"]
)
def test_an_interrupt_of_an_import_is_status_130_without_a_traceback(module: str) -> None:
    code = f"""
import os, signal, sys
class Finder:
    def find_spec(name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
from inspector.__main__ import main
sys.argv = ["inspector", "ps", "--help"]
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@free_threaded_only
def test_json_loads_no_rich() -> None:
    code = """
import sys
from inspector.cli import main
assert main(["dump", "self", "--json", "--limit", "1"]) == 0
print([name for name in ("rich.table", "rich.console", "psutil") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1] == "[]"


AT_THE_END = """
import os, sys
from inspector.cli import main
class Late:
    def __del__(self, write=os.write):
        write(2, b"taken apart\\n")
kept = Late()
sys.argv = ["inspector", "dump", "self", "--json"]
"""


@free_threaded_only
@unmeasured("what measures waits for the end")
@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", []),
        ("import atexit; atexit.register(print, 'waited for', file=sys.stderr)", ["waited for"]),
        ("sys.setprofile(lambda *_: None)", []),
    ],
)
def test_a_single_reading_ends_its_process_at_once_unless_somebody_waits_for_that(
    before: str, said: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{AT_THE_END}{before}\nsys.exit(main())"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["objects"]
    assert done.stderr.splitlines() == [*said, *["taken apart"] * bool(before)]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("inspector d", "dump"),
        ("inspector dump --sort sh", "shared"),
        ("inspector dump --format j", "json"),
        ("inspector audit --fail-on ov", "over-decref"),
        ("inspector why --fail-on lo", "lock"),
        ("inspector PID", "PID"),
        ("inspector dump PID", "PID"),
        ("inspector dump --pid PID", "PID"),
        ("inspector record PID", "PID"),
    ],
)
def test_shells_complete_verbs_fields_verdicts_and_processes(line: str, word: str) -> None:
    pid = str(os.getpid())
    line = line.replace("PID", pid[:-1] or pid)
    done = inspect(
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split()) - 1),
        _INSPECTOR_COMPLETE="complete_bash",
    )
    assert word.replace("PID", pid) in done.output.split()
