"""The pytest plugin: marks, options and a fixture over :mod:`inspector.checks`.

pytest loads this in every run of an environment that has inspector, so it does
nothing while tests run unless one is marked or an option is given.

Marks::

    @pytest.mark.no_type_leaks(repeat=3, types=None, ignore=(), tolerance=0)
    @pytest.mark.balanced(*types)

A marked test runs once as usual, and if it passes ``repeat`` times more, each time
with its function-scoped fixtures made anew.  It fails if references to a type grow
(or shrink) by more than ``tolerance`` in every one of these runs.

What a mark does where it cannot be checked, ``--inspector-unsupported`` chooses:
``fallback`` (the default) runs the test, checks what this build can tell (with the
GIL: references in all, not per thread) and says at the end what went unchecked;
``skip`` skips it; ``fail`` fails it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inspector.plugin.mark_names import UNSUPPORTED, is_marked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from inspector.plugin.fixture import TypeRefcounts


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, each with its twin in the configuration file."""
    group = parser.getgroup("inspector", "inspector: references to types")
    group.addoption(
        "--inspector-leaks",
        action="store_true",
        default=None,
        help="check every test as if it were marked no_type_leaks; a test whose references "
        "did not grow runs once, any other is repeated",
    )
    group.addoption(
        "--inspector-report",
        action="store_true",
        default=None,
        help="end with a section on the types that gained references and the tests that did it",
    )
    group.addoption(
        "--inspector-json", metavar="FILE", help="write what the report says to FILE, as JSON"
    )
    group.addoption(
        "--inspector-repeat",
        metavar="N",
        help="runs in each of which a leak must show (3), where a mark says nothing else",
    )
    group.addoption(
        "--inspector-expected",
        action="append",
        metavar="PATTERN[=N]",
        help="types (patterns of module.qualname) that may gain references, N per run "
        "or any number; may be repeated",
    )
    group.addoption(
        "--inspector-unsupported",
        choices=UNSUPPORTED,
        help="what a mark does that this Python cannot check (fallback)",
    )
    parser.addini("inspector_leaks", "as --inspector-leaks", type="bool", default=False)
    parser.addini("inspector_report", "as --inspector-report", type="bool", default=False)
    parser.addini("inspector_json", "as --inspector-json", default="")
    integer = "int" if pytest.version_tuple >= (8, 4) else "string"
    parser.addini("inspector_repeat", "as --inspector-repeat", type=integer, default=3)  # type: ignore[arg-type]
    parser.addini("inspector_expected", "as --inspector-expected", type="linelist", default=[])
    parser.addini("inspector_unsupported", "as --inspector-unsupported", default="fallback")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marks; read the settings if an option asks for anything."""
    config.addinivalue_line(
        "markers",
        "no_type_leaks(repeat=, types=, ignore=, tolerance=): fail if references to types "
        "grow in every repeat (inspector)",
    )
    config.addinivalue_line(
        "markers",
        "balanced(*types): fail if making and freeing instances of a type counts in its header, "
        "that all threads share (inspector)",
    )
    if "balanced" not in vars(pytest.mark):
        setattr(pytest.mark, "balanced", _Balanced())  # noqa: B010 - pytest.mark declares none
    for name in ("inspector_leaks", "inspector_report", "inspector_json"):
        if config.getoption(name) or config.getini(name):
            from inspector.plugin.session import register_plugins

            register_plugins(config)
            return


class _Balanced:
    """``pytest.mark.balanced``, which takes types.

    pytest's own marks take a lone class for what is decorated: ``balanced(Widget)``
    would mark ``Widget``, and then call it with the test.
    """

    def __call__(self, *types: object, **others: object) -> object:
        """Return the mark with these arguments; a test class alone is decorated."""
        plain = self._plain()
        decorated = len(types) == 1 and not others and isinstance(types[0], type)
        if decorated and not _is_test_class(types[0]):
            return plain.with_args(*types)
        return plain(*types, **others)

    def __getattr__(self, name: str) -> object:
        return getattr(self._plain(), name)

    def _plain(self) -> pytest.MarkDecorator:
        """Return what pytest itself makes of the name."""
        made = type(pytest.mark).__getattr__(pytest.mark, "balanced")
        assert isinstance(made, pytest.MarkDecorator)
        return made


def _find_marked(collected: Iterable[pytest.Item | pytest.Collector]) -> list[pytest.Item]:
    """Return the tests that have a mark of this plugin."""
    marked = []
    for item in collected:
        if isinstance(item, pytest.Item) and is_marked(item):
            marked.append(item)
    return marked


def _is_test_class(decorated: object) -> bool:
    """Whether pytest would collect tests from a class."""
    for name in dir(decorated):
        if name.startswith("test"):
            return True
    return False


class _Listener:
    """Waits for the first test that was checked; from then on there is something to report."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Begin the report, for a run that no option asked one for."""
        if hasattr(report, "inspector"):
            from inspector.plugin.session import register_report

            register_report(self._config, report)


class _Checker:
    """Runs tests that are marked."""

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail or skip a marked test that cannot be checked, if the rule says so."""
        if is_marked(item):
            from inspector.plugin.marks import refuse_item

            refuse_item(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a test that is to be checked, as often as that takes."""
        if not is_marked(item):
            return None
        from inspector.plugin.protocol import run_marked

        return run_marked(item, nextitem, self)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen to workers of pytest-xdist: their controller collects no tests of its own."""
    if session.config.pluginmanager.has_plugin("dsession"):
        session.config.pluginmanager.register(_Listener(session.config), "inspector-listener")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take part in the run if any test is marked, perhaps by somebody else's hook."""
    marked = _find_marked(session.items)
    if not marked:
        return
    from inspector.plugin.marks import read_marks

    wrong = read_marks(marked)
    if wrong:
        raise pytest.UsageError(*wrong)
    manager = session.config.pluginmanager
    if not manager.has_plugin("inspector-checker"):
        from inspector.plugin.protocol import watch_runs

        watch_runs(manager)
        manager.register(_Checker(), "inspector-checker")
        manager.register(_Listener(session.config), "inspector-listener")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Read the marks of what was collected; fail the collection if one is wrong."""
    report = yield
    marked = _find_marked(report.result or ())
    if marked:
        from inspector.plugin.marks import read_marks

        wrong = read_marks(marked)
        if wrong:
            report.outcome = "failed"
            report.longrepr = "\n".join(wrong)
            report.result = []
    return report


@pytest.fixture
def type_refcounts(request: pytest.FixtureRequest) -> TypeRefcounts:
    """Count references to types truly: ``type_refcounts(T)``; see ``TypeRefcounts``."""
    from inspector.plugin.fixture import make_type_refcounts, require_counts

    require_counts(request.config)
    return make_type_refcounts()
