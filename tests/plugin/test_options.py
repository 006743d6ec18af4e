from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import FREE_THREADED, first_version_only

if TYPE_CHECKING:
    from tests.plugin.conftest import Run

pytest_plugins = ["pytester", "tests.extension.fixture"]
pytestmark = first_version_only

SUITE = """
    import pytest, typerefs

    class Widget: pass

    kept = []

    def test_leaks(): typerefs.Leaking()
    def test_keeps(): kept.append(Widget())
    def test_is_fine(): typerefs.Balanced()
    def test_fails(): assert False

    @pytest.mark.no_type_leaks(tolerance=1)
    def test_marked(): typerefs.Leaking()
"""


def document(pytester: pytest.Pytester, name: str = "it.json") -> dict[str, Any]:
    """Return the JSON file of the run; types by name."""
    found = json.loads((pytester.path / name).read_text())
    found["types"] = {each["type"]: each for each in found["types"]}
    found["tests"] = {each["nodeid"].rpartition("::")[2]: each for each in found["tests"]}
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("option", "ini"), [("--inspector-leaks", ""), ("", "inspector_leaks = true")]
)
def test_leaks_checks_every_test_that_has_no_mark(run: Run, option: str, ini: str) -> None:
    result = run(SUITE, *filter(None, [option]), ini=ini)
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "typerefs.Leaking: +1 reference per run, in every one of 3 runs (leaking)",
            "reproduce with: pytest --inspector-leaks 'test_it.py::test_leaks'",
            "test_it.Widget: +1 reference per run, in every one of 3 runs (kept)",
            "FAILED test_it.py::test_fails - assert False",
        ]
    )


def test_without_an_option_nothing_is_checked_and_nothing_is_said(run: Run) -> None:
    result = run(SUITE.replace("@pytest.mark.no_type_leaks(tolerance=1)", ""))
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.no_fnmatch_line("*inspector:*")


def test_leaks_repeats_only_a_test_whose_references_grew(run: Run) -> None:
    result = run(
        """
        class Widget: pass

        runs, kept = [], []

        def test_first(): "What pytest itself does once falls into the first test."

        def test_is_fine(): runs.append("fine")

        def test_grows_once():
            runs.append("once")
            if not kept: kept.append(Widget())

        def test_leaves_cyclic_garbage():
            one = Widget()
            one.myself = one
            runs.append("cycle")

        def test_the_runs():
            assert runs == ["fine", "once", "once", "cycle"]
        """,
        "--inspector-leaks",
    )
    result.assert_outcomes(passed=5)


def test_leaks_does_not_judge_a_test_that_passes_once_only(run: Run) -> None:
    result = run(
        """
        class Widget: pass

        kept = []

        def test_of_one_time():
            assert not kept
            kept.append(Widget())
        """,
        "--inspector-leaks",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["inspector: cannot be repeated, so not judged: test_it.py::test_of_one_time"]
    )


def test_leaks_looks_at_doctests_without_repeating_them(run: Run) -> None:
    result = run(
        '''
        class Widget: pass

        kept = []

        def keep():
            """
            >>> kept.append(Widget())
            """
        ''',
        "--inspector-leaks",
        "--doctest-modules",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["inspector: cannot be repeated, so not judged: test_it.py::*keep"])


@pytest.mark.parametrize(
    ("option", "ini"), [("--inspector-report", ""), ("", "inspector_report = true")]
)
def test_report_lists_types_by_growth_with_the_tests_that_did_it(
    run: Run, option: str, ini: str
) -> None:
    result = run(
        """
        import typerefs

        class Widget: pass

        kept = []

        def test_keeps_many(): kept.extend(Widget() for _ in range(9))
        def test_keeps_one(): kept.append(Widget())
        def test_leaks(): typerefs.Leaking()
        """,
        *filter(None, [option]),
        ini=ini,
    )
    result.assert_outcomes(passed=3)
    how = "per thread" if FREE_THREADED else "in all"
    result.stdout.fnmatch_lines(
        [
            "*= inspector: references to types =*",
            f"Python *, references counted {how}; 3 clean",
            "     +10  test_it.Widget  [[]grew once[]]  *::test_keeps_many (+9), *_one (+1)",
            "      +1  typerefs.Leaking  [[]grew once[]]  test_it.py::test_leaks (+1)",
        ]
    )


def test_report_gives_the_verdict_where_tests_were_checked(run: Run) -> None:
    result = run(SUITE, "--inspector-leaks", "--inspector-report")
    result.stdout.fnmatch_lines_random(
        [
            "Python *; 2 failed, 2 clean, 1 not run",
            "      +4  typerefs.Leaking  [[]leaking[]]  test_it.py::test_leaks (+4)",
            "      +4  test_it.Widget  [[]kept[]]  test_it.py::test_keeps (+4)",
        ]
    )


@pytest.mark.parametrize(
    ("option", "ini"), [("--inspector-json=it.json", ""), ("", "inspector_json = it.json")]
)
def test_json_has_every_test_every_type_and_every_finding(
    run: Run, pytester: pytest.Pytester, option: str, ini: str
) -> None:
    run(SUITE, "--inspector-leaks", *filter(None, [option]), ini=ini)
    found = document(pytester)
    assert found["counts"] is True
    assert found["counts_per_thread"] is FREE_THREADED
    outcomes = {name: each["outcome"] for name, each in found["tests"].items()}
    assert outcomes == {
        "test_leaks": "failed",
        "test_keeps": "failed",
        "test_is_fine": "clean",
        "test_fails": "not run",
        "test_marked": "clean",
    }
    (finding,) = found["tests"]["test_leaks"]["findings"]
    assert finding["type"] == "typerefs.Leaking"
    assert finding["verdict"] == "leaking"
    assert finding["runs"] == [1, 1, 1]
    assert found["types"]["test_it.Widget"]["verdict"] == "kept"


def test_a_json_file_that_cannot_be_written_is_a_usage_error(run: Run) -> None:
    result = run("def test_it(): pass", "--inspector-json=no/such/it.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: inspector_json: *No such file*"])


@pytest.mark.parametrize(
    ("option", "ini"), [("--inspector-repeat=5", ""), ("", "inspector_repeat = 5")]
)
def test_repeat_is_how_often_a_growth_must_show(run: Run, option: str, ini: str) -> None:
    result = run(
        """
        import pytest, typerefs

        @pytest.mark.no_type_leaks
        def test_by_default(): typerefs.Leaking()

        @pytest.mark.no_type_leaks(repeat=2)
        def test_by_its_mark(): typerefs.Leaking()
        """,
        *filter(None, [option]),
        ini=ini,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*in every one of 5 runs*", "*in every one of 2 runs*"])


@pytest.mark.parametrize("given", ["0", "-1", "many"])
def test_a_wrong_repeat_is_a_usage_error(run: Run, given: str) -> None:
    result = run("def test_it(): pass", "--inspector-leaks", f"--inspector-repeat={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: inspector_repeat: '{given}' is not a number of runs*"])


EXPECTED = """
    import pytest, typerefs

    class Widget: pass

    kept = []

    def test_keeps(): kept.append(Widget())

    @pytest.mark.no_type_leaks
    def test_marked(): typerefs.Leaking(); typerefs.Leaking()
"""


@pytest.mark.parametrize("where", ["options", "ini"])
@pytest.mark.parametrize(
    ("patterns", "failed"),
    [
        (["test_it.Widget", "typerefs.*"], 0),
        (["test_it.*", "typerefs.Leaking=1"], 1),
        (["*.Widget", "typerefs.Leaking = 2"], 0),
        (["other.*"], 2),
    ],
)
def test_expected_types_may_grow_as_far_as_stated(
    run: Run, where: str, patterns: list[str], failed: int
) -> None:
    if where == "ini":
        ini = "inspector_expected =\n" + "".join(f"  {each}\n" for each in patterns)
        result = run(EXPECTED, "--inspector-leaks", ini=ini)
    else:
        options = [f"--inspector-expected={each}" for each in patterns]
        result = run(EXPECTED, "--inspector-leaks", *options)
    result.assert_outcomes(failed=failed, passed=2 - failed)


def test_a_wrong_pattern_is_a_usage_error(run: Run) -> None:
    result = run("def test_it(): pass", "--inspector-leaks", "--inspector-expected=a.B=many")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: inspector_expected: 'a.B=many'*"])


def test_a_wrong_rule_in_the_ini_file_is_a_usage_error(run: Run) -> None:
    result = run("def test_it(): pass", "--inspector-leaks", ini="inspector_unsupported = maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: inspector_unsupported is 'maybe': choose fallback, skip, fail"]
    )


def test_the_help_names_every_option_and_its_twin(run: Run) -> None:
    text = run("", "--help").stdout.str()
    for each in ("leaks", "report", "json", "repeat", "expected", "unsupported"):
        assert f"--inspector-{each}" in text
        assert f"inspector_{each}" in text


def test_the_marks_are_described(run: Run) -> None:
    run("", "--markers").stdout.fnmatch_lines(
        ["@pytest.mark.no_type_leaks(*", "@pytest.mark.balanced(*"]
    )
