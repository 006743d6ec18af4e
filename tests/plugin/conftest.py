from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Run(Protocol):
    """Runs pytest on a test module's text."""

    def __call__(
        self,
        text: str,
        *arguments: str,
        ini: str = "",
        subprocess: bool = False,
        plugins: tuple[str, ...] = ("inspector",),
    ) -> pytest.RunResult: ...


@pytest.fixture
def run(pytester: pytest.Pytester, typerefs_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a test module which may import the extension.

    Of the plugins that are installed only those take part that are named: each run in
    this process imports them anew, and Hypothesis alone takes longer than most tests.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(
        text: str,
        *arguments: str,
        ini: str = "",
        subprocess: bool = False,
        plugins: tuple[str, ...] = ("inspector",),
    ) -> pytest.RunResult:
        pytester.makepyfile(test_it=text)
        pytester.makeini(
            f"[pytest]\nfilterwarnings = error\npythonpath = {typerefs_path.parent}\n{ini}"
        )
        loaded = [word for name in plugins for word in ("-p", name)]
        words = ["-p", "no:cacheprovider", "-rA", *loaded, *arguments]
        if subprocess:
            return pytester.runpytest_subprocess(*words)
        # What is here before the run is no garbage of its, and holds nothing that it makes.
        gc.freeze()
        try:
            return pytester.runpytest_inprocess(*words)
        finally:
            gc.unfreeze()

    return run
