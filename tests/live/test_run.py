"""`inspector run` against python itself: what a program does and sees must be the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.programs import SCRIPTS, SELF
from tests.support import environment, free_threaded_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = free_threaded_only

INSPECTOR = ("-m", "inspector", "run", "--output", os.devnull)


def outcome(words: Sequence[str], directory: Path, **variables: str) -> tuple[int, str, str]:
    """Run python with these words; return its exit status, output and errors."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        env=environment(**variables),
        input="line\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.returncode, done.stdout, done.stderr


def assert_alike(
    words: Sequence[str], directory: Path, options: Sequence[str] = (), **variables: str
) -> None:
    """Assert that python runs these words alike with and without us, and that it does."""
    expected = outcome([*options, *words], directory, **variables)
    found = outcome([*options, *INSPECTOR, *words], directory, **variables)
    assert found == expected
    assert any(expected), "a program of which nothing is seen compares nothing"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a directory with a program in each of the ways that python can be given one."""
    (tmp_path / "prog.py").write_text(SELF)
    (tmp_path / "inspector.py").write_text("ANSWER = 42")
    for directory in ("package", "directory"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "__main__.py").write_text(SELF)
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "module.py").write_text(SELF)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text("1 / 0")
    with zipfile.ZipFile(tmp_path / "archive.pyz", "w") as archive:
        archive.writestr("__main__.py", SELF)
    return tmp_path


@pytest.mark.parametrize("source", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_does_and_sees_the_same(source: str, programs: Path) -> None:
    (programs / "scripts").mkdir()
    (programs / "inspector.py").rename(programs / "scripts" / "inspector.py")
    encoding = "latin-1" if "latin-1" in source else "utf-8"
    (programs / "scripts" / "prog.py").write_text(source, encoding=encoding)
    assert_alike(["scripts/prog.py"], programs)


@pytest.mark.parametrize(
    "words",
    [
        ("prog.py",),
        ("./prog.py", "--json", "-m", "--at", "x y", ""),
        ("directory",),
        ("directory/", "x"),
        ("archive.pyz", "--limit"),
        ("-m", "package", "--json"),
        ("-m", "package.module"),
        ("-mpackage.module", "-c"),
        ("-m", "json.tool", "--help"),
        ("-c", SELF, "--json", "-"),
        ("-c", "1 / 0"),
        ("-c", "-print(1)"),
        ("-cprint(1)",),
        ("-", "x"),
    ],
    ids=" ".join,
)
def test_every_way_to_name_a_program_is_pythons_own(words: Sequence[str], programs: Path) -> None:
    (programs / "inspector.py").unlink()
    assert_alike(words, programs)


@pytest.mark.parametrize(
    "options",
    [
        ("-O",),
        ("-B", "-s", "-P"),
        ("-W", "error", "-Xdev"),
        ("-Wignore", "-X", "utf8=0", "-u"),
        ("-bb", "-OOv", "-q"),
        ("-X", "gil=1"),
    ],
    ids=" ".join,
)
def test_the_interpreters_options_hold_for_the_program(
    options: Sequence[str], programs: Path
) -> None:
    (programs / "inspector.py").unlink()
    (programs / "prog.py").write_text("import sys; print(sys.orig_argv[1:], sys.flags, sys.path)")
    words = ["prog.py", "x"]
    expected = outcome([*options, *words], programs)
    found = outcome([*options, *INSPECTOR, *words], programs)
    assert found[:2] == expected[:2]  # -v tells of every import on standard error


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONPATH": ""},
        {"PYTHONPATH": ":.:/nowhere:"},
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        {"PYTHON_GIL": "1"},
    ],
    ids=str,
)
def test_pythons_environment_is_the_same(variables: dict[str, str], programs: Path) -> None:
    (programs / "inspector.py").unlink()
    variables = {"PYTHONPATH": environment()["PYTHONPATH"]} | variables
    assert_alike(["prog.py"], programs, **variables)


def test_a_sitecustomize_of_the_users_own_still_runs(programs: Path) -> None:
    (programs / "inspector.py").unlink()
    (programs / "sitecustomize.py").write_text("print('customized', __file__)")
    path = f"{programs}{os.pathsep}{environment()['PYTHONPATH']}"
    assert outcome(["prog.py"], programs, PYTHONPATH=path)[1].startswith("customized")
    assert_alike(["prog.py"], programs, PYTHONPATH=path)


def test_a_failing_sitecustomize_fails_alike(programs: Path) -> None:
    (programs / "inspector.py").unlink()
    (programs / "sitecustomize.py").write_text("import nowhere")
    path = f"{programs}{os.pathsep}{environment()['PYTHONPATH']}"
    expected = outcome(["prog.py"], programs, PYTHONPATH=path)
    found = outcome([*INSPECTOR, "prog.py"], programs, PYTHONPATH=path)
    assert "nowhere" in expected[2]
    # Python says so when inspector starts, and again when the program does.
    assert found == (*expected[:2], expected[2] * 2)


@pytest.mark.parametrize("module", ["nowhere", "broken", "broken.deep", "package.nowhere"])
def test_a_module_that_does_not_start_is_pythons_error_and_not_reported(
    module: str, programs: Path
) -> None:
    (programs / "inspector.py").unlink()
    status, output, errors = outcome(["-m", module, "x"], programs)
    assert status == 1
    assert outcome([*INSPECTOR, "-m", module, "x"], programs) == (
        status,
        output,
        errors + "inspector: the program did not start: there is nothing to report\n",
    )


def started(words: Sequence[str], **options: Any) -> subprocess.Popen[str]:  # noqa: ANN401
    """Start python with these words."""
    return subprocess.Popen(
        [sys.executable, *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("prefix", [(), INSPECTOR], ids=["python", "inspector"])
def test_ctrl_c_ends_the_program_by_sigint(prefix: Sequence[str]) -> None:
    code = "import time; print('ready', flush=True); time.sleep(100)"
    with started([*prefix, "-c", code]) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=100)
    assert program.returncode == -signal.SIGINT
    assert errors.splitlines()[-1].startswith("KeyboardInterrupt")


@pytest.mark.parametrize("prefix", [(), INSPECTOR], ids=["python", "inspector"])
def test_a_reader_that_goes_away_is_pythons_broken_pipe(prefix: Sequence[str]) -> None:
    code = "import sys; print('x' * 10); sys.stdout.flush(); input(); print('y' * 100_000)"
    with started([*prefix, "-c", code], stdin=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        program.stdin.write("\n")
        program.stdin.flush()
        errors = program.stderr.read()
        assert program.wait(100) == 120  # python's own, for what cannot be flushed
    assert "BrokenPipeError" in errors
    assert "inspector" not in errors


def test_the_program_runs_in_the_process_that_was_started() -> None:
    with started([*INSPECTOR, "-c", "import os; print(os.getpid())"]) as program:
        output, _ = program.communicate(timeout=100)
    assert int(output) == program.pid
