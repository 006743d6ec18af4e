from __future__ import annotations

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
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        loaded = [word for name in plugins for word in ("-p", name)]
        return start("-p", "no:cacheprovider", "-rA", *loaded, *arguments)

    return run
