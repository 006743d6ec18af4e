"""Runs a test as often as a check needs, and reports the findings as the test's failure."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Failed
from _pytest.runner import runtestprotocol  # what plugins that run a test again use

from inspector.checks.balance import check_balance_of_runs
from inspector.checks.evidence import split_findings
from inspector.checks.measuring import measure_changes
from inspector.checks.problem import CheckFailed, Problem, Verdict
from inspector.checks.rules import Rules
from inspector.checks.screening import Load
from inspector.checks.support import find_support
from inspector.plugin.control_run import empty_test, without_runner
from inspector.plugin.keepers import find_kept_by_plugins
from inspector.plugin.marks import explain_unchecked, resolve_types, spec_of

if TYPE_CHECKING:
    from inspector.checks.problem import Finding
    from inspector.plugin.marks import Spec

__all__ = ["RepeatFailed", "Runs", "only_shown", "run_marked", "watch_runs"]

BODY_PASSED = pytest.StashKey[bool]()


class RepeatFailed(Exception):
    """The test passed in its first run and failed in a later one."""

    def __init__(self, reports: list[pytest.TestReport]) -> None:
        super().__init__()
        self.reports = reports


class MarkFailed(Failed, CheckFailed):
    """A mark's condition does not hold; shown without a traceback."""

    __module__, __qualname__ = "builtins", "Failed"  # as pytest shows its own

    def __init__(self, problem: Problem) -> None:
        Failed.__init__(self, str(problem), pytrace=False)
        self.problem = problem


class RunWatch:
    """Notes what reports do not say: whether a test's body passed, and which fixtures live."""

    def __init__(self) -> None:
        self._alive: set[pytest.FixtureDef[Any]] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Note the outcome of the body: the report of a strict xfail does not tell it."""
        if call.when == "call":
            item.stash[BODY_PASSED] = call.excinfo is None

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note a fixture that begins, stated by a test or requested while one runs."""
        self._alive.add(fixturedef)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Forget a fixture that ended."""
        self._alive.discard(fixturedef)

    def drop_finished(self) -> None:
        """Drop the finalizers of fixtures that have ended: calling one would do nothing.

        A fixture that needs another one leaves its finalizer with that one; with one that
        lives longer than a test these get more with every run.
        """
        for fixture in self._alive:
            # pytest offers no other way.
            finalizers = getattr(fixture, "_finalizers", [])
            for finalizer in list(finalizers):
                if _is_finished(finalizer):
                    finalizers.remove(finalizer)


def watch_runs(manager: pytest.PytestPluginManager) -> RunWatch:
    """Return the :class:`RunWatch` of a run; register it if there is none yet."""
    found = manager.get_plugin("inspector-runs")
    if found is None:
        found = RunWatch()
        manager.register(found, "inspector-runs")
    assert isinstance(found, RunWatch)
    return found


def _is_finished(finalizer: object) -> bool:
    """Whether a finalizer is that of a fixture which has no value any more."""
    owner = getattr(getattr(finalizer, "func", None), "__self__", None)
    return isinstance(owner, pytest.FixtureDef) and owner.cached_result is None


class Runs:
    """The runs of one test: the first, which is reported, and those that only count."""

    def __init__(self, item: pytest.Item, nextitem: pytest.Item | None, plugin: object) -> None:
        """``plugin`` is ours, whose hook is called."""
        self._item = item
        self._nextitem = nextitem
        self._plugin = plugin
        self.reports: list[pytest.TestReport] = []
        """Of the first run; empty if another plugin has run the test and reported."""
        self._elsewhere = False
        self._watch = watch_runs(item.config.pluginmanager)

    def run_first(self) -> bool:
        """Run the test for its report, or leave that to another plugin; tell whether it passed.

        Others may run a test in their own way (pytest-rerunfailures), or only hear of it.
        """
        self._item.stash[BODY_PASSED] = False
        self._elsewhere = _call_other_protocols(self._item, self._nextitem, self._plugin)
        if self._elsewhere:
            return self._item.stash[BODY_PASSED]
        self._item.ihook.pytest_runtest_logstart(
            nodeid=self._item.nodeid, location=self._item.location
        )
        self.reports = self._run()
        return self._passed(self.reports)

    def run_again(self) -> None:
        """Run it once more with its function-scoped fixtures anew, and keep nothing of it."""
        growing = [self._item.user_properties, getattr(self._item, "_report_sections", [])]
        sizes = [len(kept) for kept in growing]
        reports = self._run()
        if not self._passed(reports):
            raise RepeatFailed(reports)
        for kept, size in zip(growing, sizes, strict=True):
            del kept[size:]

    def empty(self) -> None:
        """Run a test in its place that does nothing."""
        assert isinstance(self._item, pytest.Function)
        with empty_test(self._item):
            self.run_again()

    def select_own(self, findings: list[Finding], rules: Rules, repeat: int) -> list[Finding]:
        """Return of the findings on repeats those that are the test's own doing."""
        with suppress(RepeatFailed):  # some plugin demands more of a test
            findings = without_runner(findings, self._item, Load(self.empty, repeat), rules)
        kept = {finding.type for finding in findings if finding.verdict is Verdict.KEPT}
        if not kept:
            return findings
        by_plugins = find_kept_by_plugins(kept, self._item.config, self.run_again)
        return [finding for finding in findings if finding.type not in by_plugins]

    def _run(self) -> list[pytest.TestReport]:
        self._item.stash[BODY_PASSED] = False
        # Torn down is what belongs to the test itself; what it shares with others stays.
        reports = runtestprotocol(self._item, log=False, nextitem=self._item.parent)  # type: ignore[arg-type]
        self._watch.drop_finished()
        return reports

    def _passed(self, reports: list[pytest.TestReport]) -> bool:
        for report in reports:
            if report.when != "call" and not report.passed:
                return False
        return self._item.stash[BODY_PASSED]

    def fail(self, failure: Failed) -> None:
        """Let the test's body have failed like this, xfail marks respected."""

        def body() -> None:
            raise failure

        if self._elsewhere:  # the body was reported; what comes after it can fail, still
            self.reports.append(self._report(pytest.CallInfo.from_call(body, when="teardown")))
            return
        place = [report.when for report in self.reports].index("call")
        call = pytest.CallInfo.from_call(body, when="call")
        report = self._report(call)
        report.duration = self.reports[place].duration
        self.reports[place] = report

    def replace_reports(self, reports: list[pytest.TestReport]) -> None:
        """Report another run than the first, or what others have not reported of it."""
        failed = [report for report in reports if report.failed]
        for each in failed if self._elsewhere else ():
            each.when = "teardown"  # there has been a body
        self.reports = failed[:1] if self._elsewhere else reports

    def finish(self) -> None:
        """Tear down what the next test does not need."""
        state = self._item.session._setupstate
        call = pytest.CallInfo.from_call(
            lambda: state.teardown_exact(self._nextitem), when="teardown"
        )
        if call.excinfo is not None:
            self.reports[-1:] = [self._report(call)]

    def _report(self, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Return the report of a call that the test did not make itself."""
        private: Any = self._item
        kept = getattr(private, "funcargs", None)
        private.funcargs = kept or {}  # gone when a run is over, and plugins look into it
        try:
            report = private.ihook.pytest_runtest_makereport(item=private, call=call)
        finally:
            private.funcargs = kept
        assert isinstance(report, pytest.TestReport)
        return report

    def log(self, record: dict[str, Any]) -> None:
        """Hand the reports to whoever listens, with what was found on the last one."""
        item = self._item
        if not self.reports:
            self._tell_own_plugins(record)
            return
        # pytest-xdist carries what stands on a report to its controller.
        self.reports[-1].inspector = record  # type: ignore[attr-defined]
        for report in self.reports:
            item.ihook.pytest_runtest_logreport(report=report)
        if not self._elsewhere:
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _tell_own_plugins(self, record: dict[str, Any]) -> None:
        """Hand on what was found of a test of which others have reported all that there is."""
        report = self._report(pytest.CallInfo.from_call(lambda: None, when="teardown"))
        report.inspector = record  # type: ignore[attr-defined]
        manager = self._item.config.pluginmanager
        for name in ("inspector-report", "inspector-listener"):
            plugin = manager.get_plugin(name)
            if plugin is not None:
                plugin.pytest_runtest_logreport(report)
                return


def _call_other_protocols(item: pytest.Item, nextitem: pytest.Item | None, plugin: object) -> bool:
    """Call the hooks that come after that of ``plugin``, up to pytest's own.

    Returns whether one of them has run the test.  Wrappers are around all of them already.
    """
    given = {"item": item, "nextitem": nextitem}
    runner = item.config.pluginmanager.get_plugin("runner")
    after = False
    for each in reversed(item.ihook.pytest_runtest_protocol.get_hookimpls()):
        if each.plugin is runner:
            return False
        if after and each.function(*[given[name] for name in each.argnames]) is not None:
            return True
        after = after or each.plugin is plugin
    return False


def run_marked(item: pytest.Item, nextitem: pytest.Item | None, plugin: object) -> bool | None:
    """Run a marked test and check it; None leaves it to pytest, which then runs it once.

    ``plugin`` is ours, whose hook is called.
    """
    if only_shown(item):
        return None
    spec = spec_of(item)
    runs = Runs(item, nextitem, plugin)
    record: dict[str, Any] = {"nodeid": item.nodeid, "check": "mark", "outcome": "not run"}
    passed = runs.run_first()
    if reason := explain_unchecked(spec):
        record |= {"outcome": "unchecked", "reason": reason}
    if passed and not find_support().reason:
        try:
            record |= _check_marks(item, spec, runs)
        except RepeatFailed as failure:
            record["outcome"] = "not repeatable"
            runs.replace_reports(failure.reports)
            note = f"passed once and failed in a repeat; its marks ask for {spec.repeat} repeats"
            for report in runs.reports:
                report.sections.append(("inspector", note))
    runs.finish()
    runs.log(record)
    return True


def only_shown(item: pytest.Item) -> bool:
    """Whether pytest only shows its plan (``--setup-only``, ``--setup-plan``)."""
    return bool(item.config.option.setuponly or item.config.option.setupplan)


def _check_marks(item: pytest.Item, spec: Spec, runs: Runs) -> dict[str, Any]:
    """Repeat a test that passed; fail it if its marks are violated; return the record."""
    _, unknown = resolve_types(spec.subjects)
    if unknown:
        names = ", ".join(map(repr, unknown))
        runs.fail(Failed(f"no type is named {names}", pytrace=False))
        return {"outcome": "failed"}
    findings = runs.select_own(
        _find_violations(spec, Load(runs.run_again, spec.repeat)), spec.rules, spec.repeat
    )
    wrong, noticed = split_findings(findings)
    if wrong:
        runs.fail(MarkFailed(Problem(wrong, f"pytest '{item.nodeid}'", noticed)))
    found = [finding.as_dict() for finding in findings]
    return {"outcome": "failed" if wrong else "clean", "findings": found}


def _find_violations(spec: Spec, load: Load) -> list[Finding]:
    """Return the findings that violate the marks."""
    findings = []
    if spec.leaks:
        wanted = spec.rules.wanted
        findings += measure_changes(load, spec.rules, resolve_types(wanted)[0] if wanted else None)
    if spec.balanced:
        types = resolve_types(spec.balanced)[0]
        lost = measure_changes(load, Rules.make(wanted=types), types)
        new = [finding for finding in lost if finding not in findings]
        findings += new or check_balance_of_runs(load, types)
    return findings
