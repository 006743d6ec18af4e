"""What users of py-spy, memray and profiling.sampling type means what they expect."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from functools import partial
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from inspector.cli import choose, main
from inspector.cli.app import VERBS, parse_words
from inspector.cli.codes import USAGE
from inspector.cli.completion import complete_pids, complete_words
from inspector.cli.fast_dump import parse_dump
from inspector.cli.options import process_id
from inspector.errors import ProgramError
from inspector.launch.board_options import BoardOptions
from inspector.launch.program import drop_interpreter, split_interpreter
from inspector.reader.process_survey import MemoryFacts, ProcessSurvey, PythonProcess

if TYPE_CHECKING:
    from pathlib import Path


def work_of(line: str) -> str:
    """Return what a command line would do, as a text that names function and arguments."""
    work = parse_words(line.split())
    assert isinstance(work, partial), line
    return repr(work)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        *((f"{verb} -p 4242", f"{verb} 4242") for verb in ("attach", "doctor", "dump", "heap")),
        *((f"{verb} --pid 4242", f"{verb} 4242") for verb in ("histo", "hot", "why", "record")),
        ("type app.Order --pid 4242", "type app.Order 4242"),
        ("type -p 4242 app.Order", "type app.Order 4242"),
        ("diff old.json --pid 4242", "diff old.json 4242"),
        ("record -p 4242 -o r.jsonl", "record -o r.jsonl 4242"),
        ("dump -l 3 1", "dump --limit 3 1"),
        ("histo -l 3 1", "histo --limit 3 1"),
        ("diff -l 3 a b", "diff --limit 3 a b"),
        ("run -l 3 app.py", "run --limit 3 app.py"),
        ("hot -d 2 -l 3 1", "hot --duration 2 --limit 3 1"),
        ("why -d 2 -r 9 1", "why --duration 2 --rate 9 1"),
        ("attach -d 2 -i 3 -o a.svg 1", "attach --duration 2 --interval 3 --export a.svg 1"),
        ("attach --output a.svg 1", "attach --export a.svg 1"),
        ("replay -o a.csv r.jsonl", "replay --export a.csv r.jsonl"),
        ("record -d 2 -i 3 -o r 1", "record --duration 2 --interval 3 --output r 1"),
        ("dump --format json 1", "dump --json 1"),
        ("dump --format table 1", "dump 1"),
        ("attach --format json 1", "attach --json 1"),
        ("run --format json app.py", "run --json app.py"),
        ("audit --format markdown re", "audit --markdown re"),
        ("audit --format json re", "audit --json re"),
        ("audit --fail-on leaking re", "audit --fail-on leaking re"),
        ("4242", "findings 4242"),
        ("-p 4242 -d 2", "findings 4242 --duration 2"),
        ("--duration 2 --json 4242", "findings 4242 --duration 2 --format json"),
        ("dump --no-color 1", "dump 1"),
        ("--no-color dump 1", "dump 1"),
        ("run --sort growth --live app.py", "run --live app.py"),  # no terminal: a report
    ],
)
def test_an_option_of_other_tools_means_the_same(
    line: str, same: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")  # is restored
    assert work_of(line) == work_of(same)


@pytest.mark.parametrize("line", ["dump --no-color 1", "--no-color dump 1"])
def test_no_color_is_what_the_variable_says(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("NO_COLOR", "")
    work_of(line)
    assert os.environ["NO_COLOR"] == "1"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("dump 1 --pid 2", "either PID or --pid"),
        ("dump --pid x", "PID must be a number"),
        ("dump --format xml 1", "'xml' is none of table, json"),
        ("audit --json --format markdown re", "either --json or --format"),
        ("why", "it is missing"),
        ("record", "it is missing"),
        ("run --sort growth app.py", "--live"),
        ("run --export a.svg app.py", "--live"),
    ],
)
def test_what_makes_no_sense_is_one_error(
    line: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_words(line.split()) == USAGE
    said = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().err).split())
    assert text in said


@pytest.mark.parametrize("line", ["help dump", "dump --help", "dump -h"])
def test_help_is_a_verb_too(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_words(line.split()) == 0
    assert "Usage: inspector dump" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["4242 --help", "help findings", "-p 4242 -h"])
def test_the_help_of_a_pid_says_how_it_is_written(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_words(line.split()) == 0
    assert "Usage: inspector PID [OPTIONS]" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["-V", "--version"])
def test_the_version_has_a_short_name(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_words([line]) == 0
    assert capsys.readouterr().out.startswith("inspector 0.")


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_begins_with_an_example_that_parses_and_breaks_no_line_twice(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert parse_words([verb, "--help"]) == 0
    paragraphs = capsys.readouterr().out.partition("╭")[0].split("\n" + " " * 80 + "\n")
    text = [[line.strip() for line in each.splitlines() if line.strip()] for each in paragraphs]
    bodies = [lines for lines in text if lines][1:]
    assert bodies[0][0].startswith("Example: inspector ")
    for lines in bodies:
        # The first word of a line had no room in the line before.
        for line, below in pairwise(lines):
            assert len(line) + 1 + len(below.split()[0]) > 78
    assert callable(parse_words(shlex.split(VERBS[verb].example)))


def test_a_document_goes_to_a_file_whose_name_tells_its_format(tmp_path: Path) -> None:
    path = tmp_path / "ps.json"
    assert main(["ps", "-o", str(path)]) == 0
    assert "processes" in json.loads(path.read_text())
    text = tmp_path / "ps.txt"
    assert main(["ps", "--output", str(text)]) == 0
    assert "CPython process" in text.read_text()


def test_a_file_that_cannot_be_written_is_one_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["ps", "-o", str(tmp_path / "no" / "ps.json")]) == 2
    assert capfd.readouterr().err.startswith("inspector: error: cannot write ")


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["app.py", "x"], ["app.py", "x"]),
        ([sys.executable, "app.py", "-x"], ["app.py", "-x"]),
        ([sys.executable, "-m", "app"], ["-m", "app"]),
        (["python"], ["python"]),  # a script of that name
        (["python-is-here.py", "x"], ["python-is-here.py", "x"]),
    ],
)
def test_python_may_come_before_a_program(words: list[str], program: list[str]) -> None:
    assert split_interpreter(words)[1] == program
    assert drop_interpreter(words) == program


def test_this_process_cannot_become_another_python(tmp_path: Path) -> None:
    other = tmp_path / "python3.14t"
    other.symlink_to(sys.executable)
    with pytest.raises(ProgramError, match="another Python") as caught:
        drop_interpreter([str(other), "app.py"])
    assert "inspector run" in caught.value.hint


def test_the_dashboard_of_a_program_begins_as_the_options_say() -> None:
    options = BoardOptions(sort="growth", limit=3)
    assert BoardOptions.loads(options.dumps()) == options


def make_survey(*pids: int) -> ProcessSurvey:
    facts = MemoryFacts(version="3.14.7", free_threaded=True)
    found = [PythonProcess(pid, "me", 1, 1, 0.0, f"python {pid}.py", facts) for pid in pids]
    return ProcessSurvey(tuple(found), 0)


@pytest.mark.parametrize(
    ("typed", "may_be", "pid"),
    [
        ("1\n", "itself", 4242),
        ("9\n4343\n", "itself", 4343),
        ("\n", "itself", None),
        ("\n2\n", "another", 4343),
    ],
)
def test_on_a_terminal_a_process_is_chosen_from_a_list(
    typed: str,
    may_be: str,
    pid: int | None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(choose, "_has_terminal", lambda: True)
    monkeypatch.setattr(
        "inspector.reader.process_survey.survey_processes", lambda: make_survey(4242, 4343)
    )
    monkeypatch.setattr(sys, "stdin", StringIO(typed))
    assert choose.choose_process(own=may_be == "itself") == pid
    assert "   2  4343  python 4343.py" in capfd.readouterr().err


@pytest.mark.parametrize("parse", [parse_dump, parse_words])
def test_in_a_pipe_a_line_says_that_inspector_reads_itself(
    parse: object, capfd: pytest.CaptureFixture[str]
) -> None:
    assert callable(parse)
    parse(["dump", "--json"])
    (line,) = capfd.readouterr().err.splitlines()
    assert "no PID given" in line
    assert "`self`" in line


def test_who_asks_for_inspector_itself_is_told_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert process_id("self") == os.getpid()
    work_of("dump self")
    assert capfd.readouterr().err == ""


def test_a_shell_completes_processes_with_their_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "inspector.reader.process_survey.find_python_commands",
        lambda: [(4242, "python app.py"), (17, "python b.py")],
    )
    assert complete_pids("4") == [("4242", "python app.py")]


def test_a_shell_completes_each_of_several_words() -> None:
    assert complete_words(["leak", "kept"])("growing,l") == ["growing,leak", "growing,kept"]
