"""The extension as a fixture; a test module asks for it with ``pytest_plugins``."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.extension.build import build, compiler, load
from tests.support import environment, python_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="session")
def typerefs_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the extension as built for this interpreter."""
    if compiler() is None:
        pytest.skip("no C compiler on PATH")
    return build(tmp_path_factory.mktemp("typerefs"))


@pytest.fixture(scope="session")
def typerefs(typerefs_path: Path) -> ModuleType:
    """Return the extension, imported."""
    return load(typerefs_path)


BUILD = """
import sys
from pathlib import Path
from tests.extension.build import build
build(Path(sys.argv[1]))
"""


@pytest.fixture(scope="session")
def typerefs_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that builds the extension for a version, and returns its directory."""
    if compiler() is None:
        pytest.skip("no C compiler on PATH")
    built: dict[str, Path] = {}

    def directory_of(version: str) -> Path:
        if version not in built:
            built[version] = tmp_path_factory.mktemp("typerefs")
            words = [python_of(version), "-c", BUILD, str(built[version])]
            subprocess.run(words, env=environment(), check=True)
        return built[version]

    return directory_of
