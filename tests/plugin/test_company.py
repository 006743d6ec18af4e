"""The plugin beside others, and in the ways that pytest is run."""

from __future__ import annotations

import importlib.util
import json
import os
import textwrap
from typing import TYPE_CHECKING

import pytest
from _pytest.assertion.rewrite import AssertionRewriter

import inspector
from tests.support import free_threaded_only

if TYPE_CHECKING:
    from tests.plugin.conftest import Run

pytest_plugins = ["pytester", "tests.extension.fixture"]


def needs(module: str) -> pytest.MarkDecorator:
    """Skip a test where a plugin of others is not installed."""
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed")


LEAKING = """
    import pytest, typerefs

    @pytest.mark.no_type_leaks
    def test_marked_leaks(): typerefs.Leaking()

    @pytest.mark.no_type_leaks
    def test_marked_is_fine(): typerefs.Balanced()

    def test_not_marked(): typerefs.Leaking()
"""


def test_without_the_plugin_marks_are_unknown_and_tests_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    result = run(LEAKING, "-p", "no:inspector", "-W", "default", subprocess=True, plugins=())
    result.assert_outcomes(passed=3, warnings=2)


def test_without_the_plugin_a_mark_of_one_class_is_given_by_name_or_with_args(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
        import pytest

        class Node: pass

        @pytest.mark.balanced("test_it.Node")
        def test_named(): Node()

        @pytest.mark.balanced.with_args(Node)
        def test_with_args(): Node()
    """
    run(text).assert_outcomes(passed=2)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    without = run(text, "-p", "no:inspector", "-W", "default", subprocess=True, plugins=())
    without.assert_outcomes(passed=2, warnings=2)


def test_a_run_that_asks_for_nothing_loads_nothing_of_the_checks(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    result = run(
        """
        import sys

        def test_it():
            assert "inspector.plugin" in sys.modules
            loaded = [name for name in sys.modules if name.startswith("inspector.checks")]
            assert loaded == []
        """,
        "-p",
        "no:asyncio",  # warns of what its settings do not say
        subprocess=True,
        plugins=(),
    )
    result.assert_outcomes(passed=1)


def test_pytest_does_not_warn_whoever_imported_the_package_before() -> None:
    assert AssertionRewriter.is_rewrite_disabled(inspector.__doc__ or "")


@needs("xdist")
def test_workers_of_xdist_check_and_the_controller_reports(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        LEAKING,
        "-n2",
        "--inspector-leaks",
        "--inspector-report",
        "--inspector-json=it.json",
        subprocess=True,
        plugins=("inspector", "xdist"),
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["Python *; *2 failed*", "*typerefs.Leaking  [[]leaking[]]  test_it.py::test_*"]
    )
    assert result.stdout.str().count("inspector: references to types") == 1
    found = json.loads((pytester.path / "it.json").read_text())
    assert len(found["tests"]) == 3


@needs("xdist")
def test_wrong_marks_fail_the_collection_under_xdist(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.no_type_leaks(repeat=0)
        def test_marked(): pass
        """,
        "-n2",
        subprocess=True,
        plugins=("inspector", "xdist"),
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_it.py::test_marked: no_type_leaks: repeat is 0*"])


@needs("pytest_run_parallel")
def test_run_parallel_runs_marked_tests_and_the_fixture_in_threads(run: Run) -> None:
    result = run(
        """
        import pytest, threading, typerefs

        class Widget: pass

        @pytest.mark.no_type_leaks
        def test_leaks():
            assert threading.current_thread() is not threading.main_thread()
            typerefs.Leaking()

        @pytest.mark.no_type_leaks
        def test_is_fine():
            assert threading.current_thread() is not threading.main_thread()
            Widget()

        @pytest.mark.balanced(Widget, typerefs.Balanced)
        def test_balanced():
            Widget(), typerefs.Balanced()

        def test_fixture(type_refcounts):
            assert threading.current_thread() is not threading.main_thread()
            assert type_refcounts(Widget) > 0

        def test_not_marked(): pass
        """,
        "--parallel-threads=4",
        "--ignore-gil-enabled",
        subprocess=True,
        plugins=("inspector", "run-parallel"),
    )
    # It calls a failure an error, so that one can tell that threads were involved.
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(
        ["typerefs.Leaking: +4 references per run*", "All tests were run in parallel!*"]
    )


@needs("pytest_run_parallel")
@free_threaded_only
def test_run_parallel_shows_a_plain_decref_in_four_threads(run: Run) -> None:
    result = run(
        """
        import pytest, typerefs

        @pytest.mark.balanced(typerefs.PlainDecref)
        def test_plain():
            for _ in range(25): typerefs.PlainDecref()
        """,
        "--parallel-threads=4",
        subprocess=True,
        plugins=("inspector", "run-parallel"),
    )
    result.stdout.fnmatch_lines(
        ["typerefs.PlainDecref is not balanced (plain decref)", "  header      -300"]
    )


@needs("anyio")
def test_async_tests_are_checked(run: Run) -> None:
    result = run(
        """
        import asyncio, pytest, typerefs

        pytestmark = [pytest.mark.anyio, pytest.mark.no_type_leaks]

        @pytest.fixture
        def anyio_backend(): return "asyncio"

        async def test_leaks():
            await asyncio.sleep(0)
            typerefs.Leaking()

        async def test_is_fine():
            await asyncio.sleep(0)
            typerefs.Balanced()
        """,
        subprocess=True,
        plugins=("inspector", "anyio"),
    )
    result.assert_outcomes(passed=1, failed=1)


ASYNC = """
    import asyncio, pytest, typerefs

    class Widget: pass

    kept = []

    async def test_is_empty(): pass

    async def test_is_fine(): await asyncio.sleep(0)

    async def test_leaks():
        await asyncio.sleep(0)
        typerefs.Leaking()

    async def test_keeps(): kept.append(Widget())
"""


@needs("pytest_asyncio")
@pytest.mark.parametrize("way", ["option", "marks"])
def test_what_runs_an_async_test_is_not_blamed_on_it(run: Run, way: str) -> None:
    text, options = ASYNC, ["--inspector-leaks"]
    if way == "marks":
        text, options = ASYNC + "\n    pytestmark = pytest.mark.no_type_leaks\n", []
    ini = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function"
    result = run(text, *options, ini=ini, subprocess=True, plugins=("inspector", "asyncio"))
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "test_it.Widget: +1 reference per run, in every one of 3 runs (kept)",
            "typerefs.Leaking: +1 reference per run, in every one of 3 runs (leaking)",
        ]
    )
    result.stdout.no_fnmatch_line("functools.partial: *")


REQUESTING = """
    import pytest, typerefs

    runs = []

    @pytest.fixture(scope="session")
    def service(): yield "service"

    @pytest.fixture
    def client(service): return service

    def test_first(client): "What pytest itself does once falls into the first test."

    def test_states_it(client): runs.append("stated")

    def test_requests_it(request): runs.append(request.getfixturevalue("client"))

    def test_leaks(request):
        request.getfixturevalue("client")
        typerefs.Leaking()

    def test_the_runs(): assert runs == ["stated", "service"]
"""


def test_fixtures_that_need_one_of_the_session_make_no_test_grow(run: Run) -> None:
    result = run(REQUESTING, "--inspector-leaks")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["typerefs.Leaking: +1 reference per run*"])
    result.stdout.no_fnmatch_line("functools.partial: *")


def test_what_finishes_fixtures_of_the_session_stays(run: Run) -> None:
    result = run(
        """
        import pytest

        ended = []

        @pytest.fixture(scope="session")
        def outer():
            yield
            assert ended == ["inner"]

        @pytest.fixture(scope="module")
        def inner(outer):
            yield
            ended.append("inner")

        @pytest.mark.no_type_leaks
        @pytest.mark.parametrize("number", [1, 2])
        def test_uses_them(request, number): request.getfixturevalue("inner")
        """
    )
    result.assert_outcomes(passed=2)


KEEPER = """
    import pytest, typerefs

    class Seen: pass

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item):
        item.funcargs.get("other")
        return (yield)

    seen = []

    def pytest_runtest_setup(item):
        seen.append(Seen())
        typerefs.Leaking()

    @pytest.fixture(autouse=True)
    def keep_more(): seen.append(Seen())
"""


@pytest.mark.parametrize("way", ["option", "marks"])
def test_what_another_plugin_keeps_of_each_run_is_not_the_tests(
    run: Run, pytester: pytest.Pytester, way: str
) -> None:
    pytester.makepyfile(keeper=KEEPER)
    pytester.makeconftest(
        """
        import pytest

        class Mine: pass

        mine = []

        @pytest.fixture
        def keeping(): mine.append(Mine())
        """
    )
    text, options = (
        """
        import keeper, pytest, typerefs

        @pytest.fixture
        def other(): return 1

        class TestMethods:
            def test_is_fine(self, other): pass

        def test_is_fine(): pass

        def test_leaks(): typerefs.Leaking()

        def test_keeps(): keeper.seen.extend([keeper.Seen(), keeper.Seen()])

        def test_with_a_fixture_that_keeps(keeping): pass
        """,
        ["--inspector-leaks"],
    )
    if way == "marks":
        text, options = text + "\n        pytestmark = pytest.mark.no_type_leaks\n", []
    plugins = ("inspector", "keeper")
    result = run(text, *options, "--import-mode=prepend", subprocess=True, plugins=plugins)
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "typerefs.Leaking: +2 references per run, in every one of 3 runs (leaking)",
            "  note        of these, a run of an empty test leaves +1",
            "keeper.Seen: +4 references per run, in every one of 3 runs (kept)",
            "  note        of these, a run of an empty test leaves +2",
            "conftest.Mine: +1 reference per run, in every one of 3 runs (kept)",
        ]
    )


NOTING = """
    import pytest

    class Use: pass

    class Log:
        def __init__(self): self.uses = []

        def note(self):
            self.uses.append({"use": Use()})
            return self.uses[-1]["use"]

    def pytest_configure(config): config.pluginmanager.register(Log(), "log")

    @pytest.fixture
    def log(request): return request.config.pluginmanager.get_plugin("log")
"""


def test_what_a_plugin_notes_of_its_use_is_not_the_tests_unless_it_keeps_it_too(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = pytester.mkdir("site-packages")
    (installed / "noting.py").write_text(textwrap.dedent(NOTING))
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=os.pathsep)
    result = run(
        """
        import typerefs

        class Widget: pass

        kept = []

        def test_uses_it(log): log.note()

        def test_keeps_what_it_gets(log): kept.append(log.note())

        def test_hands_over_its_own(log): log.uses.append(Widget())

        def test_leaks(log): log.note(), typerefs.Leaking()
        """,
        "--inspector-leaks",
        subprocess=True,
        plugins=("inspector", "noting"),
    )
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "noting.Use: +1 reference per run, in every one of 3 runs (kept)",
            "test_it.Widget: +1 reference per run, in every one of 3 runs (kept)",
            "typerefs.Leaking: +1 reference per run, in every one of 3 runs (leaking)",
        ]
    )


@needs("hypothesis")
def test_hypothesis_tests_are_checked(run: Run) -> None:
    result = run(
        """
        import typerefs
        from hypothesis import HealthCheck, given, settings, strategies

        # A machine that is busy is no fault of the test.
        ever = settings(
            max_examples=5, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )

        @ever
        @given(strategies.lists(strategies.integers()))
        def test_is_fine(numbers): sorted(numbers)

        @ever
        @given(strategies.lists(strategies.integers()))
        def test_leaks(numbers): typerefs.Leaking()
        """,
        "--inspector-leaks",
        subprocess=True,
        plugins=("inspector", "hypothesispytest"),
    )
    result.assert_outcomes(passed=1, failed=1)


@needs("pytest_cov")
def test_under_coverage_a_clean_test_is_clean_and_subprocesses_are_measured(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `make coverage` measures this, and its data is not to be taken for that of the run below.
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
    pytester.makefile(
        ".toml", pyproject="[tool.coverage.run]\npatch = ['subprocess']\nparallel = true"
    )
    pytester.makepyfile(child="print('from the child')")
    result = run(
        """
        import pytest, subprocess, sys, typerefs

        @pytest.mark.no_type_leaks(repeat=2)
        def test_of_a_child():
            subprocess.run([sys.executable, "child.py"], check=True)

        def test_leaks(): typerefs.Leaking()
        """,
        "--cov=.",
        "--cov-config=pyproject.toml",
        "--cov-report=term",
        "--inspector-leaks",
        "-W",
        "default",
        subprocess=True,
        plugins=("inspector", "pytest_cov"),
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["child.py * 100%"])


def test_setup_plan_and_collect_only_check_nothing(run: Run) -> None:
    run(LEAKING, "--inspector-leaks", "--setup-plan").assert_outcomes()
    result = run(LEAKING, "--inspector-leaks", "--collect-only")
    result.stdout.fnmatch_lines(["*3 tests collected*"])


def test_the_first_failure_ends_the_run_if_asked_to(run: Run) -> None:
    result = run(LEAKING, "-x", "--inspector-leaks")
    result.assert_outcomes(failed=1)


def test_a_module_fixture_is_torn_down_once_and_its_error_reported(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture(scope="module")
        def broken():
            yield
            raise RuntimeError("at the end")

        @pytest.mark.no_type_leaks
        def test_one(broken): pass

        @pytest.mark.no_type_leaks
        def test_two(broken): pass
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: at the end"])


@free_threaded_only
@pytest.mark.parametrize("repeat", [1, 3])
def test_a_thread_beside_the_test_is_named_and_what_each_run_asks_of_it_fails(
    run: Run, pytester: pytest.Pytester, repeat: int
) -> None:
    result = run(
        f"""
        import pytest, queue, threading

        class Widget: pass

        kept = []

        @pytest.fixture(scope="module")
        def service():
            asked, answered = queue.Queue(), queue.Queue()

            def work():
                while asked.get():
                    kept.append(Widget())
                    answered.put(1)

            thread = threading.Thread(target=work, name="service")
            thread.start()
            yield lambda: (asked.put(1), answered.get())
            asked.put(0)
            thread.join()

        @pytest.mark.no_type_leaks(repeat={repeat})
        def test_asks(service): service()
        """,
        "--inspector-json=it.json",
    )
    if repeat > 1:
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*(kept)*"])
        return
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["inspector: other threads took references to test_it.Widget (test_it.py::test_asks)"]
    )
    document = json.loads((pytester.path / "it.json").read_text())
    (finding,) = document["tests"][0]["findings"]
    assert finding["verdict"] == "background thread"
    assert [name.split()[0] for name in finding["contributions"]] == ["service"]


RERUNS = """
    from _pytest.runner import runtestprotocol

    def pytest_configure(config):
        config.addinivalue_line("markers", "flaky: is run again")

    def pytest_runtest_protocol(item, nextitem):
        \"""As pytest-rerunfailures: again until it passes, for tests that are marked.\"""
        print("heard of", item.name)
        if not item.get_closest_marker("flaky"):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for _ in range(3):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            if all(each.passed for each in reports):
                break
            print("once more", item.name)
        for each in reports:
            item.ihook.pytest_runtest_logreport(report=each)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
"""

RUN_BY_OTHERS = """
    import pytest, typerefs

    tries = []

    @pytest.mark.flaky
    def test_flaky():
        tries.append(1)
        assert len(tries) > 1

    @pytest.mark.flaky
    {mark}
    def test_flaky_leaks(): typerefs.Leaking()

    {mark}
    def test_leaks(): typerefs.Leaking()

    {mark}
    def test_is_fine(): typerefs.Balanced()
"""


@free_threaded_only
@pytest.mark.parametrize("options", [[], ["--inspector-leaks"]], ids=["marks", "option"])
def test_a_conftest_that_runs_tests_itself_is_called_and_its_tests_are_checked(
    run: Run, pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makeconftest(textwrap.dedent(RERUNS))
    mark = "" if options else "@pytest.mark.no_type_leaks"
    result = run(RUN_BY_OTHERS.replace("{mark}", mark), "-s", *options)
    result.assert_outcomes(passed=3, failed=1, errors=1)
    for name in ("test_flaky", "test_flaky_leaks", "test_leaks", "test_is_fine"):
        assert result.stdout.str().count(f"heard of {name}\n") == 1
    result.stdout.fnmatch_lines_random(["*once more test_flaky"])
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_flaky_leaks*", "*typerefs.Leaking*"])
