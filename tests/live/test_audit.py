"""Auditing modules: verdicts, types that end their process, targets that are none."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from inspector.audit.auditing import audit_targets
from inspector.audit.factories import Factories, read_standard_library
from inspector.audit.header_samples import sample_header
from inspector.audit.supervisor import AuditPlan
from inspector.cli import main
from inspector.errors import (
    ExpressionError,
    FileError,
    NoSuchObject,
    NotAType,
    NotCounted,
    NotImportable,
)
from inspector.verdict.evidence import Evidence, Verdict
from tests.live.deallocators import BALANCED, PLAIN
from tests.support import ROOT, free_threaded_only

if TYPE_CHECKING:
    from types import ModuleType

    from inspector.audit.result import Audit, Audited

pytest_plugins = ["tests.extension.fixture"]

MODULES = Path(__file__).parent / "modules"


def audited(plan: AuditPlan) -> Audit:
    return audit_targets(plan, lambda _done, _all, _name: None)


def by_name(found: Audit) -> dict[str, Audited]:
    return {each.type: each for each in found.rows}


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let audited processes find the modules of these tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(MODULES)]))


@free_threaded_only
def test_each_type_of_the_extension_gets_the_verdict_it_was_written_for(
    typerefs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(typerefs_path.parent)]))
    rows = by_name(audited(AuditPlan(("typerefs",))))
    assert {name: row.verdict for name, row in rows.items()} == {
        "typerefs.Balanced": Verdict.BALANCED,
        "typerefs.PlainDecref": Verdict.PLAIN_DECREF,
        "typerefs.Leaking": Verdict.LEAKING,
        "typerefs.OverDecref": Verdict.OVER_DECREF,
        "typerefs.Silent": Verdict.PLAIN_DECREF,
        "typerefs.Sparing": Verdict.GROWING,
        "typerefs.Immortal": Verdict.IMMORTAL,
    }
    for name, change in (("Leaking", 1), ("OverDecref", -1), ("PlainDecref", 0)):
        exercises = rows[f"typerefs.{name}"].exercises
        assert [each.lost_per_call for each in exercises] == [change, change]
    assert {row.written_in for row in rows.values()} == {"C"}


@free_threaded_only
def test_the_header_of_a_plain_decref_moves_while_threads_use_it_and_of_a_class_does_not(
    typerefs: ModuleType,
) -> None:
    assert sample_header(Evidence(), typerefs.Balanced, typerefs.Balanced, 2).moved == 0
    # On a machine that lets the threads sleep all the time, it takes another try.
    plain = typerefs.PlainDecref
    assert any(sample_header(Evidence(), plain, plain, 2).moved for _ in range(100))


@free_threaded_only
def test_what_a_constructor_raises_in_a_thread_ends_the_sampling(typerefs: ModuleType) -> None:
    with pytest.raises(ZeroDivisionError):
        sample_header(Evidence(), typerefs.Balanced, lambda: 1 / 0, 2)


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_a_constructor_that_ends_its_process_costs_one_line() -> None:
    rows = by_name(audited(AuditPlan(("awkward",))))
    reasons = {name.removeprefix("awkward."): row.reason for name, row in rows.items()}
    assert reasons.pop("NeedsArguments").startswith("TypeError: ")
    assert reasons == {
        "AfterAll": "",
        "Crashes": "crashed: SIGSEGV",
        "CrashesInThreads": "then, with 2 threads: crashed: SIGSEGV",
        "Exits": "exited with status 3",
        "Leaves": "SystemExit: 4",
        "OtherType": "makes builtins.object",
    }
    verdicts = {name for name, row in rows.items() if row.verdict is Verdict.BALANCED}
    assert verdicts == {"awkward.AfterAll", "awkward.CrashesInThreads"}


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_a_module_that_ends_the_process_costs_one_line_and_its_neighbours_are_audited() -> None:
    found = audited(AuditPlan(("fatal",)))
    assert found.failed == {"fatal.ends": "exited with status 7"}
    assert {name: row.verdict for name, row in by_name(found).items()} == {
        "fatal.fine.Fine": Verdict.BALANCED,
        "fatal.fine.Skipped": Verdict.BALANCED,
    }


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_a_file_says_what_is_left_alone_and_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "factories.toml"
    file.write_text('[skip]\n"fatal.fine.Skipped" = "it bites"\n')
    words = ["fatal", "--factories", str(file), "--json", "--calls", "7", "--threads", "1"]
    assert main(["audit", *words]) == 0
    document = json.loads(capfd.readouterr().out)
    rows = {each["type"]: each for each in document["types"]}
    skipped, fine = rows["fatal.fine.Skipped"], rows["fatal.fine.Fine"]
    assert (skipped["verdict"], skipped["reason"]) == (None, "left alone: it bites")
    assert document["made"]["calls"] == 7
    assert [each["calls"] for each in fine["exercises"]] == [7]


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_two_workers_at_once_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = audited(AuditPlan(("awkward",), threads=1)).rows
    monkeypatch.setattr("inspector.audit.auditing.MANY", 2)
    monkeypatch.setattr("inspector.audit.auditing.count_cores", lambda: 2)
    together = audited(AuditPlan(("awkward",), threads=1)).rows
    assert [(each.type, each.verdict, each.reason) for each in together] == [
        (each.type, each.verdict, each.reason) for each in alone
    ]


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_an_interrupted_audit_leaves_no_process_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "inspector", "audit", "blocking", "--timeout", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as process:
        worker = child_that_runs(process.pid, "inspector.audit.worker")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    # One that had just begun finds nobody to ask it, and ends by itself.
    assert ends(worker, 60)


def ends(pid: int, seconds: float) -> bool:
    """Wait for the end of any process."""
    try:
        ending = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([ending], [], [], seconds)[0])
    finally:
        os.close(ending)


def child_that_runs(pid: int, module: str) -> int:
    """Wait for a child of a process whose command line names a module, and return its pid."""
    parent = psutil.Process(pid)
    while parent.is_running():
        for each in parent.children():
            if module in each.cmdline():
                return each.pid
    raise AssertionError(module)


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_a_constructor_that_blocks_is_given_up_in_time() -> None:
    (row,) = audited(AuditPlan(("blocking",), seconds=0.5)).rows
    assert (row.verdict, row.reason) == (None, "no answer within 0.5 s")


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_what_a_constructor_does_to_its_process_is_not_there_for_the_next_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = str(os.getpid() + 10_000)
    monkeypatch.setenv("POISON_SLEEP", seconds)
    rows = by_name(audited(AuditPlan(("poison",), calls=10)))
    fine = {name: (row.verdict, row.reason) for name, row in rows.items() if "Then" in name}
    assert len(fine) > 25
    assert fine == dict.fromkeys(fine, (Verdict.BALANCED, ""))
    # Nor does a process that a constructor has started outlast the audit.
    commands = [each.info["cmdline"] for each in psutil.process_iter(["cmdline"])]
    assert ["/bin/sleep", seconds] not in commands


@free_threaded_only
@pytest.mark.usefixtures("path")
def test_a_factory_makes_what_takes_arguments() -> None:
    factories = Factories({"awkward.NeedsArguments": "awkward.NeedsArguments(3)"})
    (row,) = audited(AuditPlan(("awkward:NeedsArguments",), factories=factories)).rows
    assert (row.type, row.verdict) == ("awkward.NeedsArguments", Verdict.BALANCED)


@free_threaded_only
def test_an_expression_alone_is_audited_by_the_type_that_it_makes() -> None:
    factories = Factories({"words": "xml.etree.ElementTree.Element('a')"})
    (row,) = audited(AuditPlan(factories=factories, alone=("words",))).rows
    assert (row.type, row.verdict) == ("xml.etree.ElementTree.Element", Verdict.PLAIN_DECREF)


@free_threaded_only
def test_a_name_of_a_type_elsewhere_leads_to_it() -> None:
    (row,) = audited(AuditPlan(("threading:Lock",))).rows
    assert (row.type, row.verdict) == ("_thread.lock", Verdict.PLAIN_DECREF)


@free_threaded_only
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        ("no_such_module", NotImportable, "ModuleNotFoundError"),
        ("collections.deque", NotImportable, "ModuleNotFoundError"),
        ("broken", NotImportable, "RuntimeError: not today"),
        ("__main__", NotImportable, "the audit's own"),
        ("__main__:Worker", NotImportable, "the audit's own"),
        (":", NotImportable, "':' is not the name"),
        (".", NotImportable, "'.' is not the name"),
        ("", NotImportable, "'' is not the name"),
        ("re..", NotImportable, "'re..' is not the name"),
        ("a..b", NotImportable, "'a..b' is not the name"),
        ("re:", NotImportable, "'re:' is not the name"),
        (":Type", NotImportable, "':Type' is not the name"),
        ("re:Match.", NotImportable, "'re:Match.' is not the name"),
        (" re", NotImportable, "' re' is not the name"),
        ("re\0", NotImportable, "is not the name"),
        ("tests/x.py", NotImportable, "is a path"),
        ("broken:Type", NotImportable, "RuntimeError: not today"),
        ("collections:Deque", NoSuchObject, "no type collections:Deque"),
        ("re:match", NotAType, "not a type"),
        ("builtins:int", NotCounted, "static"),
    ],
)
def test_a_target_that_is_none_is_an_error_with_a_hint(
    target: str, error: type[NotImportable], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        audited(AuditPlan((target,)))
    assert caught.value.hint


@free_threaded_only
@pytest.mark.parametrize(
    ("fail_on", "status"), [("leak", 0), ("leak,plain-decref", 9), ("over-decref", 0)]
)
def test_fail_on_sets_the_exit_status(
    fail_on: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "collections:deque", "--json", "--fail-on", fail_on]) == status
    document = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in document["types"]] == ["plain decref"]
    assert document["made"]["threads"] == 2


@free_threaded_only
def test_the_table_and_the_document_say_what_json_says(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "collections:deque", "--make", "collections.deque = collections.deque([1])"]
    shown = {}
    for form in ((), ("--markdown",), ("--json",)):
        assert main([*words, *form]) == 0
        shown[form] = capsys.readouterr().out
    (row,) = json.loads(shown["--json",])["types"]
    assert (row["verdict"], row["make"]) == ("plain decref", "collections.deque([1])")
    assert re.search(r"^collections\.deque +plain decref ", shown[()], re.MULTILINE)
    line = r"^\| collections\.deque \| plain decref \|.*\| collections\.deque\\\(\\\[1\\\]\\\) \|$"
    assert re.search(line, shown["--markdown",], re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["audit", "re", "--fail-on", "leaks"],
        ["audit", "re", "--make", "Pattern"],
        ["audit", "re", "--json", "--markdown"],
        ["audit", "re", "--stdlib"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Usage: inspector audit" in capsys.readouterr().err


@free_threaded_only
@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("[make", FileError, "is not TOML"),
        ("[made]", FileError, "made"),
        ("make = 3", FileError, "make is not a table"),
        ("[make]\nre.Match = 're.match'", FileError, "make: re is not text"),
        ("[make]\n're.Match' = 're.match('", ExpressionError, "not a Python expression"),
    ],
)
def test_a_file_of_another_format_is_told_apart(
    text: str,
    error: type[FileError],
    said: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "factories.toml"
    file.write_text(text)
    assert main(["audit", "re", "--factories", str(file)]) == error.exit_code
    shown = capfd.readouterr().err
    assert said in shown
    assert "hint: " in shown


@free_threaded_only
def test_a_file_that_is_missing_is_status_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "re", "--factories", "/no/such/file"]) == 2
    assert "No such file" in capfd.readouterr().err


@free_threaded_only
def test_the_verdicts_on_the_standard_library_are_what_cpythons_sources_say() -> None:
    truth = {
        target: Verdict.PLAIN_DECREF
        for deallocators in PLAIN.values()
        for targets in deallocators.values()
        for target in targets.split()
    }
    assert len(truth) > 60
    truth |= {
        target: Verdict.BALANCED for targets in BALANCED.values() for target in targets.split()
    }
    truth = {target: verdict for target, verdict in truth.items() if is_built(target)}
    plan = AuditPlan(tuple(truth), factories=read_standard_library(), calls=20, threads=1)
    found = {row.type: row.verdict or row.reason for row in audited(plan).rows}
    told = {target.replace(":", "."): verdict for target, verdict in truth.items()}
    assert found == told


def is_built(target: str) -> bool:
    """Whether this build has the extension module that the type is written in."""
    module = target.partition(":")[0]
    needed = {"decimal": "_decimal", "sqlite3": "_sqlite3", "ssl": "_ssl", "ctypes": "_ctypes"}
    return find_spec(needed.get(module, module)) is not None


def test_the_table_for_the_standard_library_is_one() -> None:
    assert read_standard_library().make
