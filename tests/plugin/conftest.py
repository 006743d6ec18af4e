from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Run(Protocol):
    """Runs pytest on a test module's text."""

    def __call__(
        self, text: str, *arguments: str, ini: str = "", subprocess: bool = False
    ) -> pytest.RunResult: ...


@pytest.fixture
def run(pytester: pytest.Pytester, typerefs_path: Path) -> Run:
    """Return a function that runs a test module which may import the extension."""

    def run(
        text: str, *arguments: str, ini: str = "", subprocess: bool = False
    ) -> pytest.RunResult:
        pytester.makepyfile(test_it=text)
        pytester.makeini(
            f"[pytest]\nfilterwarnings = error\npythonpath = {typerefs_path.parent}\n{ini}"
        )
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return start("-p", "no:cacheprovider", "-rA", *arguments)

    return run
