"""The extension as a fixture; a test module asks for it with ``pytest_plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.extension.build import build, compiler, load

if TYPE_CHECKING:
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
