from __future__ import annotations

import os
import warnings

import pytest

import inspector
from inspector.errors import ProgramError
from inspector.launch import program
from inspector.launch.program import find_interpreter_options
from inspector.launch.report_options import ReportOptions
from inspector.screen.selection import Selection, View


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("python /bin/inspector run x.py", ""),
        ("python -m inspector run -O x.py", ""),
        ("python -minspector run", ""),
        ("python -O -B /bin/inspector run -B x", "-O -B"),
        ("python -OBm inspector run", "-OB"),
        ("python -W error -Xdev -X gil=0 -Wm -m inspector", "-W error -Xdev -X gil=0 -Wm"),
        ("python -BX dev -bW c -m inspector", "-BX dev -bW c"),
        ("python --check-hash-based-pycs always -m inspector", "--check-hash-based-pycs always"),
        ("python -u -c code run", "-u"),
        ("python -uc code run", "-u"),
        ("python -q - run", "-q"),
        ("python -X", "-X "),
        ("python", ""),
    ],
)
def test_options_for_python_end_where_the_program_begins(command: str, options: str) -> None:
    assert " ".join(find_interpreter_options(command.split())) == options


def test_a_place_that_pythonpath_cannot_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "STARTUP", f"/a{os.pathsep}b")
    with pytest.raises(ProgramError, match="PYTHONPATH cannot hold"):
        program.check_program(["-c", "1"])


@pytest.mark.parametrize(
    "options",
    [
        ReportOptions(),
        ReportOptions(
            View(Selection("name", ("a.*", "\udc80\n"), 0), threads=True, json=True),
            "/tmp/report",  # noqa: S108 - a name, never opened
            module=True,
        ),
    ],
)
def test_report_options_survive_being_text(options: ReportOptions) -> None:
    assert ReportOptions.loads(options.dumps()) == options
    assert options.dumps().isascii()


def test_a_dashboard_that_no_block_uses_warns_and_one_that_has_begun_does_not() -> None:
    with pytest.warns(RuntimeWarning, match="shows nothing unless it is used as `with") as caught:
        inspector.dashboard()
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with inspector.dashboard():
            pass  # without a terminal nothing is shown
