"""The dashboard in a real terminal: every key, every way to leave it, and what stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from inspector.screen.dashboard.keys import BINDINGS
from inspector.snapshots.recording import RecordingWriter
from tests.live.keystrokes import (
    ANEW,
    INSIDE,
    INTERRUPT,
    QUIT,
    REPLAYED,
    SUSPEND,
    WATCHED,
    exporting,
    play,
    pressed,
)
from tests.live.puppets import Puppet, Restless, inspect
from tests.live.terminals import Terminal
from tests.screen.boards import reading
from tests.support import TARGETS, environment, free_threaded_only, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = "INSPECTOR_TERMINAL" in os.environ
"""`make terminal` tests with targets of every version, `make test` with one."""
VERSIONS = interpreters(debug=False) if ALL else interpreters(debug=False)[:1]


@pytest.fixture(params=VERSIONS)
def puppet(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    with Puppet(python_of(request.param)) as target:
        target.ask("make", 5000)
        yield target


def attached(puppet: Puppet, *words: object, **variables: str) -> Terminal:
    terminal = Terminal.inspector("attach", puppet.pid, "--interval", 0.1, *words, **variables)
    if "--sort" not in words:
        terminal.until("looking|What grows")
        terminal.send("F")
    terminal.until("TYPE", "__main__.Shared", r"1-\d+ of")
    return terminal


def test_every_key_of_every_binding_is_pressed_in_a_terminal_by_a_test_below() -> None:
    done = pressed()
    assert {(each.text, key) for each in BINDINGS for key in each.keys} == done.bindings
    assert done.prompts == {"enter", "escape", "backspace", "ctrl-u", "down"}


def test_each_key_does_what_help_says(puppet: Puppet, tmp_path: Path) -> None:
    puppet.ask("threads", 2, 300)
    with attached(puppet) as terminal:
        assert terminal.other_screen
        terminal.resize(130, 25)
        play(terminal, WATCHED)
        terminal.scribble("scribbled")
        play(terminal, [ANEW, *exporting(tmp_path / "x.svg")])
        assert (tmp_path / "x.svg").read_text().startswith("<svg")
        terminal.send(QUIT)
        assert terminal.end() == 0
        assert terminal.is_sane


def test_each_key_of_a_replay_does_what_help_says(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    with RecordingWriter(str(path), {}) as writer:
        for number in range(200):
            writer.add(reading(number))
    with Terminal.inspector("replay", path) as terminal:
        terminal.until("app.Order", r"replay \d+/200")
        play(terminal, REPLAYED)
        terminal.send(QUIT)
        assert terminal.end() == 0
        assert terminal.is_sane


STYLE = re.compile(r"\x1b\[([\d;]*)m")


@pytest.mark.parametrize("version", VERSIONS)
def test_findings_come_first_and_lead_to_the_page_of_the_type(version: str) -> None:
    with (
        Restless(python_of(version), TARGETS / "growing.py") as service,
        Terminal.inspector("attach", service.pid) as terminal,
    ):
        terminal.until(r"\d growing: __main__\.Session \+", r"growing +__main__\.Session +\+")
        terminal.until("lock +_thread.lock __main__.LOCK", f"inspector why {service.pid}")
        terminal.send("\r")
        terminal.until(r"\d growing: ", "__main__.Session, builtins.object")
        terminal.send("\x1b")
        terminal.until(r"\d growing: ", "What grows: ")
        terminal.send("F")
        terminal.until(r"\d growing: ", "TYPE +TOTAL")
        terminal.send(QUIT)
        assert terminal.end() == 0
        assert terminal.is_sane


def test_what_grows_is_seen_to_grow(puppet: Puppet) -> None:
    with attached(puppet, "--sort", "growth") as terminal:
        for number in range(1, 7):
            puppet.ask("make", 1000)
            terminal.until(rf"__main__.Shared .*\+{number},000")
        terminal.until(r"__main__.Shared .*growing")


@pytest.mark.parametrize(
    ("name", "status"), [("SIGINT", 130), ("SIGTERM", -signal.SIGTERM), ("SIGHUP", -signal.SIGHUP)]
)
def test_a_signal_ends_it_and_the_terminal_is_given_back(
    puppet: Puppet, name: str, status: int
) -> None:
    with attached(puppet) as terminal:
        os.kill(terminal.pid, signal.Signals[name])
        assert terminal.end() == status
        assert terminal.is_sane
        assert "Traceback" not in terminal.written


def test_ctrl_c_is_an_interrupt(puppet: Puppet) -> None:
    with attached(puppet) as terminal:
        terminal.send(INTERRUPT)
        assert terminal.end() == 130
        assert terminal.is_sane


@pytest.mark.parametrize("how", ["key", "signal"])
def test_a_stopped_dashboard_leaves_the_terminal_and_comes_back(puppet: Puppet, how: str) -> None:
    shell = 'set -m; "$@"; stty -a; echo STOPPED; fg; stty -a; echo LEFT'
    words = (sys.executable, "-m", "inspector", "attach", puppet.pid, "--interval", 0.1)
    with Terminal("bash", "-c", shell, "bash", *words) as terminal:
        terminal.until("every 0.1 s")
        terminal.send("F")
        terminal.until("__main__.Shared")
        if how == "key":
            terminal.send(SUSPEND)
        else:
            children = f"/proc/{terminal.pid}/task/{terminal.pid}/children"
            with open(children, encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
                os.kill(int(file.read().split()[0]), signal.SIGTSTP)
        terminal.until_true(lambda: terminal.written.count("STOPPED") == 1, "it stopped")
        stopped = terminal.written.rpartition("\x1b[?1049l")[2]
        assert " icanon" in stopped
        assert " echo " in stopped
        assert "susp = ^Z" in stopped
        terminal.until_true(lambda: terminal.written.count("\x1b[?1049h") >= 2, "it came back")
        terminal.until("__main__.Shared")
        terminal.send("q")
        terminal.end()
        left = terminal.written.rpartition("\x1b[?1049l")[2]
        assert " icanon" in left
        assert "LEFT" in left


def test_the_last_view_stays_when_the_target_is_killed(puppet: Puppet) -> None:
    with attached(puppet) as terminal:
        os.kill(puppet.pid, signal.SIGKILL)
        puppet.process.wait()
        terminal.until("the process ended: this is the last reading", "__main__.Shared")
        terminal.send("/", "shared", "\r")
        terminal.until(r"1-1 of 1 \(\d+ hidden", "__main__.Shared")
        terminal.send("q")
        assert terminal.end() == 0
        assert terminal.is_sane


def test_storms_of_new_sizes_are_followed(puppet: Puppet) -> None:
    with attached(puppet) as terminal:
        for number in range(40):
            terminal.resize(20 + 7 * number % 200, 1 + 3 * number % 60)
        terminal.resize(60, 12)
        terminal.until_true(
            lambda: len(terminal.lines[11]) > 20 and "q quit" in terminal.lines[11], "60 x 12"
        )
        assert all(len(line) <= 60 for line in terminal.lines)
        terminal.send("q")
        assert terminal.end() == 0
        assert "Traceback" not in terminal.written


def test_twenty_thousand_types_and_a_hostile_name_are_shown(puppet: Puppet) -> None:
    assert puppet.ask("classes", 20_000) == 20_000
    with attached(puppet, "--interval", 1) as terminal:
        terminal.until(r"1-\d+ of 20,\d\d\d")
        terminal.send("/", "many.", "\r", "N")
        terminal.until(r"1-.* of 20,000 \(", r"many\.\\.*…", "many.Class0")
        terminal.send("\r")
        terminal.until(r"many\.\\x1b]0;owned\\x07")
        terminal.send("q")
        assert terminal.end() == 0
        assert terminal.is_sane
        assert "\x1b]0" not in terminal.written
        assert "\u202e" not in terminal.written
        assert "Traceback" not in terminal.written


def test_no_color_and_no_unicode_are_obeyed(puppet: Puppet) -> None:
    variables = {"NO_COLOR": "1", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    with attached(puppet, **variables) as terminal:
        terminal.send("q")
        assert terminal.end() == 0
        assert terminal.written.isascii()
        styles = {value for each in STYLE.findall(terminal.written) for value in each.split(";")}
        assert styles <= {"0", "1", "2", "4", "7"}  # bold, dim, underlined, reversed


def test_without_a_terminal_there_are_plain_tables(puppet: Puppet) -> None:
    words = ("attach", puppet.pid, "--interval", 0.1, "--limit", 2)
    with subprocess.Popen(
        [sys.executable, "-m", "inspector", *map(str, words)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watcher:
        assert watcher.stdout is not None
        lines = [next(watcher.stdout) for _ in range(3 * 6)]
        watcher.send_signal(signal.SIGINT)
    assert watcher.returncode == 130
    assert sum(line.startswith("TYPE ") for line in lines) == 3
    assert "\x1b" not in "".join(lines)


def test_once_is_one_table_or_one_document(puppet: Puppet) -> None:
    once = inspect("attach", puppet.pid, "--once", "--filter", "__main__.Sh*", COLUMNS="80")
    assert once.output.count("__main__.Shared") == 1
    assert all(len(line) <= 80 for line in once.output.splitlines())
    lines = inspect("attach", puppet.pid, "--json", "--duration", 0).output.splitlines()
    assert [json.loads(line)["target"]["pid"] for line in lines] == [puppet.pid]


def test_once_fits_the_terminal_and_the_view_is_exported(puppet: Puppet, tmp_path: Path) -> None:
    path = tmp_path / "view.md"
    with Terminal.inspector("attach", puppet.pid, "--once", "--export", path) as terminal:
        assert terminal.end() == 0
        assert terminal.is_sane
        assert "\x1b[?1049h" not in terminal.written
        lines = terminal.written.splitlines()
    assert 20 < len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert "| \\_\\_main\\_\\_.Shared | 5," in path.read_text()


PROGRAM = """
import sys, threading
class Order: pass
kept = [Order() for _ in range(1000)]
print("out", sys.stdout.isatty(), threading.active_count())
print("err", file=sys.stderr)
try:
    input()
except EOFError:
    print("no input")
with open(sys.argv[1]) as pipe:
    pipe.read()
print("bye")
sys.exit(7)
"""


@free_threaded_only
@pytest.mark.parametrize("end", ["q", "Ctrl-C", "SIGTERM", "SIGKILL"])
def test_a_program_that_is_run_live_has_its_output_and_status(tmp_path: Path, end: str) -> None:
    pipe, script = tmp_path / "pipe", tmp_path / "script.py"
    os.mkfifo(pipe)
    script.write_text(PROGRAM)
    with Terminal.inspector("run", "--live", "--interval", 0.1, script, pipe) as terminal:
        terminal.until(r"__main__.Order +1,0\d\d")
        play(terminal, INSIDE)
        if end == "Ctrl-C":
            terminal.send(INTERRUPT)
            terminal.until("the program ended: this is the last reading")
            terminal.send(QUIT)
            assert terminal.end() == -signal.SIGINT
            assert terminal.is_sane
            return
        if end != "q":
            os.kill(terminal.pid, signal.Signals[end])
            terminal.until_true(lambda: terminal.is_sane, "the guard gave the terminal back")
            assert terminal.end() == -signal.Signals[end]
            return
        pipe.write_text("")
        terminal.until("the program ended: this is the last reading")
        terminal.send("o")
        terminal.until("bye")
        terminal.send("q")
        assert terminal.end() == 7
        assert terminal.is_sane
        assert "out False 1\r\nerr\r\nno input\r\nbye" in terminal.written


@free_threaded_only
def test_a_program_goes_on_with_its_terminal_when_the_dashboard_is_left(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import inspector\n"
        "with inspector.dashboard(interval=0.1):\n"
        "    print('inside')\n"
        "print('hello', input('name? '))\n"
    )
    with Terminal(sys.executable, script) as terminal:
        terminal.until("the block ended: this is the last reading")
        terminal.send("q")
        terminal.until_true(lambda: "name? " in terminal.written, "the prompt")
        assert terminal.is_sane
        terminal.send("you\r")
        assert terminal.end() == 0
        assert "hello you" in terminal.written


@free_threaded_only
def test_output_goes_to_a_file_and_ctrl_c_leaves_a_program_that_has_ended(tmp_path: Path) -> None:
    script, output, view = (tmp_path / name for name in ("script.py", "output", "view.json"))
    script.write_text("class Order: pass\nkept = Order()\nprint('into the file')\n")
    words = ("run", "--live", "--output", output, "--export", view, script)
    with Terminal.inspector(*words) as terminal:
        terminal.until("the program ended: this is the last reading")
        terminal.send("o", "h")
        terminal.until("this help", without="what the program wrote")
        terminal.send(INTERRUPT)
        assert terminal.end() == 0
        assert terminal.is_sane
        assert "into the file" not in terminal.written
    assert output.read_text() == "into the file\n"
    assert "__main__.Order" in {each["name"] for each in json.loads(view.read_text())["objects"]}


SLEEPING = "import time\ntime.sleep(2)\n"
MAKING = """
import collections, time
end = time.monotonic() + 2
while time.monotonic() < end:
    collections.deque()
"""
IN_A_BLOCK = "import inspector\nwith inspector.dashboard(interval=0.1):\n{}"


@free_threaded_only
@pytest.mark.parametrize("inside", [False, True], ids=["run", "dashboard"])
@pytest.mark.parametrize("program", [SLEEPING, MAKING], ids=["sleeping", "making"])
def test_what_the_dashboard_does_is_not_told_of_the_program(
    tmp_path: Path, program: str, *, inside: bool
) -> None:
    script, view = tmp_path / "script.py", tmp_path / "view.json"
    script.write_text(program)
    words: tuple[object, ...] = ("run", "--live", "--interval", 0.1, script)
    if inside:
        script.write_text(IN_A_BLOCK.format(textwrap.indent(program, "    ")))
        words = (script,)
    with Terminal(sys.executable, *([] if inside else ["-m", "inspector"]), *words) as terminal:
        terminal.until("ended: this is the last reading")
        terminal.send("e", "\x15", str(view), "\r")
        terminal.until("written to")
        terminal.send(QUIT)
        assert terminal.end() == 0
    objects = json.loads(view.read_text())["objects"]
    judged = {each["name"]: each["verdict"] for each in objects if each["verdict"]}
    assert judged == ({"collections.deque": "plain decref"} if program == MAKING else {})
    if program == SLEEPING:
        assert [each["name"] for each in objects if each["growth"] or each["heat"]] == []
