"""What tests of several rooms share: the interpreters at hand, and programs run on them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TARGETS = Path(__file__).resolve().parent / "live" / "targets"

FREE_THREADED = "t" in getattr(sys, "abiflags", "") and sys.version_info >= (3, 14)

free_threaded_only = pytest.mark.skipif(
    not FREE_THREADED, reason="reads its own process, which must be free-threaded 3.14 or newer"
)
EVERYWHERE = "INSPECTOR_EVERYWHERE" in os.environ
"""Whether tests run on 3.15t, too, whose facts have to do with pytest more than with CPython."""

first_version_only = pytest.mark.skipif(
    FREE_THREADED and sys.version_info >= (3, 15) and not EVERYWHERE,
    reason="runs on 3.14t; INSPECTOR_EVERYWHERE=1 runs it here, too",
)
gil_only = pytest.mark.skipif(FREE_THREADED, reason="for builds with the GIL")


def unmeasured(reason: str) -> pytest.MarkDecorator:
    """Return the mark of a test that cannot hold in a process whose coverage is measured."""
    return pytest.mark.skipif("COVERAGE_RUN" in os.environ, reason=f"make coverage: {reason}")


VARIABLES = {
    "3.14t": "INSPECTOR_PYTHON_3_14T",
    "3.15t": "INSPECTOR_PYTHON_3_15T",
    "3.14t-debug": "INSPECTOR_PYTHON_3_14T_DEBUG",
    "3.14t-reordered": "INSPECTOR_PYTHON_3_14T_REORDERED",
}
"""The variable that names each interpreter; `make test` sets the first two."""


GIL_VARIABLE = "INSPECTOR_PYTHON_GIL"
"""That of a Python with a GIL."""

NOBODY = 65534
"""The user id of one who may do nothing."""

BECOME_NOBODY = f"""
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
"""
"""For a program of root's, once its modules are there, which nobody may not read."""

root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root may do that")


def interpreters(
    *, debug: bool = True, alone: bool = False, every_reader: bool = False
) -> list[Any]:
    """Return a pytest parameter per free-threaded interpreter, skipped where it is missing.

    For programs that read themselves (``alone``) the Python that runs the tests plays no
    part, and theirs is skipped unless it is of the same version.  A process of 3.14t is read
    by 3.14t and by a Python with a GIL; by 3.15t, too, in the tests of ``every_reader``.
    """
    parameters = []
    reads_older = every_reader or EVERYWHERE or not FREE_THREADED or sys.version_info < (3, 15)
    for version, variable in VARIABLES.items():
        if version.endswith("debug") and not debug:
            continue
        if "-" in version and variable not in os.environ:
            continue
        marks = [pytest.mark.skipif(variable not in os.environ, reason=f"{variable} is not set")]
        if alone and not (FREE_THREADED and version.startswith("{}.{}t".format(*sys.version_info))):
            marks.append(pytest.mark.skip(reason=f"runs with the tests on {version}"))
        if version.startswith("3.14") and not reads_older:
            marks.append(pytest.mark.skip(reason="3.14t and a Python with a GIL read it"))
        parameters.append(pytest.param(version, id=version, marks=marks))
    return parameters


def python_of(version: str) -> str:
    """Return the path of an interpreter."""
    return os.environ[VARIABLES[version]]


def source_of(version: str) -> Path | None:
    """Return the directory of its headers, None where they are not at hand."""
    path = os.environ.get(VARIABLES[version].replace("_PYTHON_", "_SOURCE_"))
    return Path(path) if path else None


def received(pipe: Path, lines: int, number: signal.Signals) -> bytes:
    """Read a named pipe to its end, in another thread than the main one, which writes it.

    With the first byte after so many lines the main thread gets a signal: where what
    follows is more than fits, it is in the middle of writing it.
    """
    with pipe.open("rb") as file:
        data = b"".join(file.readline() for _ in range(lines)) + file.read(1)
        signal.pthread_kill(threading.main_thread().ident or 0, number)
        return data + file.read()


def bare_environment() -> dict[str, str]:
    """Return the environment without what tells Python what to do."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for a program that imports this inspector from its source."""
    return {**bare_environment(), "PYTHONPATH": str(ROOT), **variables}


def printed_by(
    python: str, program: Path, *arguments: str, timeout: float = 250, **variables: str
) -> Any:  # noqa: ANN401 - JSON
    """Run a program to its end and return the JSON that it printed last."""
    done = subprocess.run(
        [python, str(program), *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
