"""What several tests on other processes start from."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.extension.build import compiler
from tests.support import TARGETS, VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def python() -> str:
    """Return the path of a 3.14t."""
    variable = VARIABLES["3.14t"]
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return os.environ[variable]


@pytest.fixture
def without_ptrace() -> list[str]:
    """Return what takes a command's right to read other users' processes."""
    before = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    if subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
        pytest.skip("setpriv is missing, or may not drop a capability")
    return before


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that compiles a target in C, once, and returns the program."""
    chosen = compiler()
    if chosen is None:
        pytest.skip("no C compiler on PATH")
    folder = tmp_path_factory.mktemp("native")

    def compiled(name: str) -> Path:
        program = folder / name
        if not program.exists():
            words = ["-O1", "-Wall", "-Werror", "-pthread", "-o", str(program)]
            subprocess.run([chosen, *words, str(TARGETS / f"{name}.c")], check=True)
        return program

    return compiled
