from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import FREE_THREADED, free_threaded_only, gil_only

if TYPE_CHECKING:
    from tests.plugin.conftest import Run

pytest_plugins = ["pytester", "tests.extension.fixture"]


# no_type_leaks


def test_a_leaking_test_fails_with_type_thread_verdict_and_how_to_see_it_again(run: Run) -> None:
    result = run("""
        import pytest, typerefs

        @pytest.mark.no_type_leaks
        def test_leaks():
            typerefs.Leaking()
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "typerefs.Leaking: +1 reference per run, in every one of 3 runs (leaking)",
            "  references  * before, * after (+1 × 3)",
            *(["  header      +0", "  per thread  MainThread (*) +3"] if FREE_THREADED else []),
            "  instances   +0",
            "  verdict     leaking: *does tp_dealloc call Py_DECREF(tp), *",
            "reproduce with: pytest 'test_it.py::test_leaks'",
        ],
        consecutive=True,
    )


def test_an_over_decref_fails_and_a_correct_type_passes(run: Run) -> None:
    result = run("""
        import pytest, typerefs

        @pytest.mark.no_type_leaks
        def test_loses():
            typerefs.OverDecref()

        @pytest.mark.no_type_leaks
        def test_is_fine():
            typerefs.PlainDecref()
            typerefs.Balanced()
    """)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["typerefs.OverDecref: -1 reference per run*(over-decref)"])


def test_a_mark_that_a_conftest_adds_is_checked_too(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.no_type_leaks(repeat=2))
    """)
    result = run("""
        import typerefs

        def test_leaks():
            typerefs.Leaking()
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["typerefs.Leaking: +1 reference per run, in every one of 2 runs*"])


def test_a_wrong_mark_that_a_conftest_adds_is_a_usage_error(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest("""
        import pytest

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.no_type_leaks(repeat=0))
    """)
    result = run("def test_it(): ...")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_it: no_type_leaks: repeat is 0*"])


def test_while_no_test_is_marked_no_hook_of_a_test_is_ours(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest("""
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_setup(item):
            hooks = vars(item.config.hook)
            ours = {
                name
                for name, hook in hooks.items()
                if name.startswith("pytest_runtest")
                for each in hook.get_hookimpls()
                if "inspector" in each.plugin_name
            }
            print("hooks of ours:", sorted(ours))
    """)
    text = "import pytest, typerefs\n{}\ndef test_it():\n    typerefs.Balanced()\n"
    run(text.format("")).stdout.fnmatch_lines(["hooks of ours: []"])
    marked = run(text.format("pytestmark = pytest.mark.no_type_leaks"))
    marked.stdout.fnmatch_lines(["hooks of ours: *'pytest_runtest_protocol'*"])


def test_a_marked_test_runs_once_more_than_repeat_with_its_fixtures_anew(run: Run) -> None:
    result = run(
        """
        import pytest

        events = []

        @pytest.fixture(scope="module")
        def module():
            events.append("module")
            yield
            print("events:", *events)

        @pytest.fixture
        def function(module):
            events.append("setup")
            yield
            events.append("teardown")

        @pytest.mark.no_type_leaks(repeat=2)
        def test_counts_its_runs(function, tmp_path):
            (tmp_path / "new").mkdir()
            events.append("run")
    """,
        "-s",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*events: module" + " setup run teardown" * 3])


def test_only_what_grows_in_every_repeat_fails(run: Run) -> None:
    result = run("""
        import functools, pytest

        class Widget: pass

        @functools.lru_cache
        def cached(): return Widget()

        kept, runs = [], []

        @pytest.mark.no_type_leaks
        def test_fills_a_cache_once():
            cached()

        @pytest.mark.no_type_leaks
        def test_keeps_one_every_other_time():
            runs.append(1)
            if len(runs) % 2:
                kept.append(Widget())

        @pytest.mark.no_type_leaks
        def test_keeps_one_every_time():
            kept.append(Widget())
    """)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.Widget: +1 reference per run*(kept)",
            "  instances   +3",
            "  verdict     kept: 3 more*",
        ]
    )


def test_types_ignore_and_tolerance_narrow_what_is_checked(run: Run) -> None:
    result = run("""
        import pytest, typerefs

        class Widget: pass

        def leak():
            typerefs.Leaking()

        @pytest.mark.no_type_leaks(types=[Widget, "typerefs.Plain*"])
        def test_of_others(): leak()

        @pytest.mark.no_type_leaks(types="typerefs.Leaking")
        def test_of_this_one(): leak()

        @pytest.mark.no_type_leaks(ignore=typerefs.Leaking)
        def test_that_ignores_the_type(): leak()

        @pytest.mark.no_type_leaks(ignore=("other.*", "typerefs.*"))
        def test_that_ignores_the_pattern(): leak()

        @pytest.mark.no_type_leaks(tolerance=1)
        def test_within_tolerance(): leak()

        @pytest.mark.no_type_leaks(tolerance=1)
        def test_beyond_tolerance(): leak(); leak()
    """)
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines_random(
        ["FAILED test_it.py::test_of_this_one*", "FAILED test_it.py::test_beyond_tolerance*"]
    )


def test_a_pattern_that_means_no_type_fails(run: Run) -> None:
    result = run("""
        import pytest

        @pytest.mark.no_type_leaks(types="app.Ordr")
        def test_misspelt(): pass
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no type is named 'app.Ordr'"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("no_type_leaks(3)", "no_type_leaks takes keywords only: repeat, types, ignore, tolerance"),
        ("no_type_leaks(repeats=3)", "no_type_leaks has no argument repeats; it has repeat*"),
        ("no_type_leaks(repeat=0)", "no_type_leaks: repeat is 0; it must be a number from 1 up"),
        ("no_type_leaks(repeat='3')", "no_type_leaks: repeat is '3'*"),
        ("no_type_leaks(tolerance=-1)", "no_type_leaks: tolerance is -1*"),
        ("no_type_leaks(types=[3])", "no_type_leaks: types has 3; it takes types and patterns*"),
        ("no_type_leaks(ignore='two words')", "no_type_leaks: ignore has 'two words'*"),
        ("balanced", "balanced needs at least one type*"),
        ("balanced()", "balanced needs at least one type*"),
        ("balanced(3)", "balanced: types has 3*"),
        ("balanced('app.Order', repeat=3)", "balanced takes types, no keywords*"),
    ],
)
def test_wrong_arguments_fail_the_collection(run: Run, arguments: str, message: str) -> None:
    result = run(f"""
        import pytest

        @pytest.mark.{arguments}
        def test_marked(): pass

        def test_not_marked(): pass
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR collecting test_it.py*", f"test_it.py::test_marked: {message}"]
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_mark_with_a_static_type_is_an_error_of_its_test_alone(run: Run) -> None:
    result = run("""
        import pytest

        @pytest.mark.balanced(list)
        def test_balanced(): pass

        @pytest.mark.no_type_leaks(types=[int, str])
        def test_leaks(): pass

        def test_not_marked(): pass
    """)
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "builtins.list is a static type: CPython counts no references to such",
            "builtins.int and builtins.str are static types: CPython counts no references to such",
        ]
    )


def test_wrong_arguments_on_a_unittest_method_fail_the_collection(run: Run) -> None:
    result = run("""
        import pytest, unittest

        class TestCase(unittest.TestCase):
            @pytest.mark.no_type_leaks(repeat=0)
            def test_marked(self): pass
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_it.py::TestCase::test_marked: no_type_leaks: repeat is 0*"])


def test_outcomes_other_than_passed_are_left_alone(run: Run) -> None:
    result = run("""
        import pytest

        pytestmark = pytest.mark.no_type_leaks

        @pytest.fixture
        def broken():
            yield
            raise RuntimeError

        def test_passes(): pass
        def test_fails(): assert False
        def test_skips(): pytest.skip("for a reason")
        @pytest.mark.xfail
        def test_fails_as_expected(): assert False
        @pytest.mark.xfail
        def test_passes_by_surprise(): pass
        def test_breaks_in_teardown(broken): pass
    """)
    result.assert_outcomes(passed=2, failed=1, skipped=1, xfailed=1, xpassed=1, errors=1)


def test_a_known_leak_can_be_expected(run: Run) -> None:
    result = run("""
        import pytest, typerefs

        @pytest.mark.xfail(strict=True, raises=AssertionError, reason="known")
        @pytest.mark.no_type_leaks
        def test_known(): typerefs.Leaking()
    """)
    result.assert_outcomes(xfailed=1)


def test_a_test_that_passes_once_only_fails_as_itself(run: Run) -> None:
    result = run("""
        import pytest

        ran = []

        @pytest.mark.no_type_leaks
        def test_of_one_time():
            assert not ran
            ran.append(1)
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert not [[]1[]]", "passed once and failed in a repeat*"])


def test_what_the_repeats_print_and_record_is_not_shown(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        """
        import pytest, typerefs

        @pytest.mark.no_type_leaks
        def test_prints(record_property):
            print("said by the test")
            record_property("key", "value")
            typerefs.Leaking()
    """,
        "--junit-xml=it.xml",
        "-o",
        "junit_family=xunit1",
    )
    assert result.stdout.str().count("said by the test") == 1
    assert (pytester.path / "it.xml").read_text().count('name="key"') == 1


def test_classes_parametrize_unittest_and_async_tests_are_checked(run: Run) -> None:
    result = run("""
        import asyncio, pytest, typerefs, unittest

        @pytest.mark.no_type_leaks
        class TestClass:
            @pytest.mark.parametrize("leak", [False, True])
            def test_method(self, leak):
                if leak: typerefs.Leaking()

        class TestCase(unittest.TestCase):
            @pytest.mark.no_type_leaks
            def test_leaks(self): typerefs.Leaking()

            @pytest.mark.no_type_leaks
            def test_is_fine(self): typerefs.Balanced()

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            @pytest.mark.no_type_leaks
            async def test_leaks(self):
                await asyncio.sleep(0)
                typerefs.Leaking()

            @pytest.mark.no_type_leaks
            async def test_is_fine(self):
                await asyncio.sleep(0)
    """)
    result.assert_outcomes(passed=3, failed=3)


def test_the_closest_mark_counts(run: Run) -> None:
    result = run("""
        import pytest, typerefs

        @pytest.mark.no_type_leaks
        class TestClass:
            @pytest.mark.no_type_leaks(tolerance=1)
            def test_within(self): typerefs.Leaking()
            def test_beyond(self): typerefs.Leaking()
    """)
    result.assert_outcomes(passed=1, failed=1)


# balanced


@free_threaded_only
@pytest.mark.parametrize("threads", [1, 4])
def test_balanced_tells_the_four_kinds_apart(run: Run, threads: int) -> None:
    result = run(f"""
        import pytest, threading, typerefs

        def make(kind):
            def work():
                for _ in range(10): kind()
            workers = [threading.Thread(target=work) for _ in range({threads})]
            for each in workers if {threads} > 1 else (): each.start()
            for each in workers if {threads} > 1 else (): each.join()
            if {threads} == 1: work()

        @pytest.mark.balanced(typerefs.Balanced)
        def test_balanced(): make(typerefs.Balanced)

        @pytest.mark.balanced(typerefs.PlainDecref)
        def test_plain(): make(typerefs.PlainDecref)

        @pytest.mark.balanced("typerefs.Leaking")
        def test_leaking(): make(typerefs.Leaking)

        @pytest.mark.balanced(typerefs.Balanced, typerefs.OverDecref)
        def test_over(): make(typerefs.OverDecref)
    """)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "typerefs.PlainDecref is not balanced (plain decref)",
            f"  header      -{30 * threads}",
            "  per thread  *+10*" if threads > 1 else "  per thread  MainThread (*) +30",
            "typerefs.Leaking: +* (leaking)",
            "typerefs.OverDecref: -* (over-decref)",
        ]
    )


@gil_only
def test_with_the_gil_balanced_checks_the_total_and_says_so(run: Run) -> None:
    text = """
        import pytest, typerefs

        @pytest.mark.balanced(typerefs.PlainDecref)
        def test_plain(): typerefs.PlainDecref()

        @pytest.mark.balanced(typerefs.Leaking)
        def test_leaking(): typerefs.Leaking()
    """
    result = run(text)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["inspector: 2 marked tests went unchecked: balanced needs counts per thread: *"]
    )
    run(text, "--inspector-unsupported=skip").assert_outcomes(skipped=2)
    run(text, "--inspector-unsupported=fail").assert_outcomes(errors=2)
    run(text, ini="inspector_unsupported = skip").assert_outcomes(skipped=2)


# Where nobody counts: pretended, for none of the interpreters of the tests is like that.

NOBODY_COUNTS = """
    import os
    from inspector.checks import support

    answer = support.Support(False, "nobody counts here", "")
    support._known_support.update(pid=os.getpid(), answer=answer)

    def pytest_unconfigure():
        support._known_support.clear()
"""


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        ("fallback", {"passed": 1, "skipped": 1}),
        ("skip", {"skipped": 2}),
        ("fail", {"errors": 2}),
    ],
)
@pytest.mark.parametrize("where", ["option", "ini"])
def test_the_rule_decides_what_a_mark_does_where_nobody_counts(
    run: Run, pytester: pytest.Pytester, rule: str, outcomes: dict[str, int], where: str
) -> None:
    pytester.makeconftest(NOBODY_COUNTS)
    text = """
        import pytest

        @pytest.mark.no_type_leaks
        def test_marked(): pass

        def test_with_fixture(type_refcounts): pass
    """
    if where == "option":
        result = run(text, f"--inspector-unsupported={rule}")
    else:
        result = run(text, ini=f"inspector_unsupported = {rule}")
    got = result.parseoutcomes()
    assert {key: got.get(key, 0) for key in outcomes} == outcomes
    if rule == "fallback":
        result.stdout.fnmatch_lines(
            ["inspector: 1 marked tests went unchecked: *nobody counts here"]
        )


def test_looking_at_every_test_is_refused_where_nobody_counts(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(NOBODY_COUNTS)
    text = "def test_it(): pass"
    result = run(text, "--inspector-leaks", "--inspector-unsupported=fail")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: references *cannot be counted: nobody counts here"])
    result = run(text, "--inspector-leaks")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["inspector: nothing was checked: nobody counts here"])


# The fixture


def test_the_fixture_counts_instances_and_watches_blocks(run: Run) -> None:
    result = run("""
        import pytest, typerefs
        from inspector.checks import CheckFailed
        from inspector.errors import NotCounted

        class Widget: pass

        def test_count(type_refcounts):
            before = type_refcounts(Widget)
            kept = [Widget(), Widget()]
            assert type_refcounts(Widget) == before + 2
            assert type_refcounts.count(Widget).total == before + 2

        def test_block(type_refcounts):
            with type_refcounts.unchanged(Widget):
                Widget()
            with pytest.raises(CheckFailed):
                with type_refcounts.unchanged(typerefs.Leaking):
                    typerefs.Leaking()

        def test_static(type_refcounts):
            with pytest.raises(NotCounted):
                type_refcounts(int)
    """)
    result.assert_outcomes(passed=3)
