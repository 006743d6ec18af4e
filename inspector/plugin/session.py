"""The plugins that the options register: one that watches every test, and the report."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from inspector.checks.counts import collect_garbage
from inspector.checks.evidence import split_findings
from inspector.checks.measuring import confirm_suspects
from inspector.checks.problem import Problem
from inspector.checks.rules import Rules
from inspector.checks.screening import Load, Screen, Suspects
from inspector.checks.support import find_support
from inspector.plugin.mark_names import is_marked
from inspector.plugin.protocol import MarkFailed, RepeatFailed, Runs, only_shown, watch_runs
from inspector.plugin.report import Report
from inspector.plugin.settings import settings_of

if TYPE_CHECKING:
    from inspector.plugin.settings import Settings

__all__ = ["register_plugins", "register_report"]


def register_plugins(config: pytest.Config) -> None:
    """Register the plugins that the settings of a run ask for.

    Raises :class:`pytest.UsageError` for the setting ``fail`` where this Python cannot count
    references to types.
    """
    settings = settings_of(config)
    reason = find_support().reason
    if reason and settings.unsupported == "fail":
        raise pytest.UsageError(f"references to types cannot be counted: {reason}")
    if not reason:
        config.pluginmanager.register(Watch(settings), "inspector-watch")
        watch_runs(config.pluginmanager)
    register_report(config)


def register_report(config: pytest.Config, first: pytest.TestReport | None = None) -> None:
    """Register the report, once; ``first`` is a test's report from before."""
    # A worker of pytest-xdist hands its reports to the controller, which writes.
    if hasattr(config, "workerinput") or config.pluginmanager.has_plugin("inspector-report"):
        return
    report = Report(settings_of(config))
    config.pluginmanager.register(report, "inspector-report")
    if first is not None:
        report.pytest_runtest_logreport(first)


ONCE = Load(lambda: None, 1)
"""A load of one run: the measure of growth that was seen in a single run."""


class Watch:
    """A plugin that looks at every test that has no mark of inspector."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = Rules.make(expected=settings.expected)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a test once, and again if references grew and that is to be a failure."""
        if only_shown(item) or is_marked(item):
            return None
        runs = Runs(item, nextitem, self)
        load = Load(runs.run_again, self._settings.repeat)
        with Screen() as screen:
            passed = runs.run_first()
            suspects, growth = self._suspects(screen)
        record: dict[str, Any] = {
            "nodeid": item.nodeid,
            "check": "leaks" if self._settings.leaks else "none",
            "outcome": "clean" if passed else "not run",
            "growth": growth,
        }
        if passed and suspects and self._settings.leaks:
            # Only a function can be run again: a doctest's names are gone by now.
            if isinstance(item, pytest.Function):
                record |= self._confirmed(item, runs, load, suspects)
            else:
                record["outcome"] = "not repeatable"
        runs.finish()
        runs.log(record)
        return True

    def _suspects(self, screen: Screen) -> tuple[Suspects, dict[str, int]]:
        """Return the types that one run changed, and name -> growth of those that grew.

        What garbage held is left out: this collects whenever references have grown.
        """
        suspects = screen.suspects(self._rules, ONCE)
        if not suspects:
            return suspects, {}
        fewer = screen.fewer(suspects)
        # One collection is enough for most tests; finalizers may leave more to collect.
        for thorough in (gc.collect, collect_garbage):
            thorough()
            left, growth = screen.left(self._rules, ONCE)
            if not left:
                break
        return Suspects([*left.refs, *fewer], left.classes), growth

    def _confirmed(
        self, item: pytest.Item, runs: Runs, load: Load, suspects: Suspects
    ) -> dict[str, Any]:
        """Repeat a test with suspects; fail it if the growth persists."""
        try:
            findings = confirm_suspects(load, self._rules, suspects)
            findings = runs.select_own(findings, self._rules, load.repeat)
        except RepeatFailed:
            return {"outcome": "not repeatable"}
        wrong, noticed = split_findings(findings)
        if wrong:
            again = f"pytest --inspector-leaks '{item.nodeid}'"
            runs.fail(MarkFailed(Problem(wrong, again, noticed)))
        return {
            "outcome": "failed" if wrong else "clean",
            "findings": [finding.as_dict() for finding in findings],
        }
