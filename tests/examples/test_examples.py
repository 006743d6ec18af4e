"""What examples/ tells its readers to run, run as they would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support import FREE_THREADED, ROOT, environment, free_threaded_only

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ROOT / "examples"
PIPELINE = EXAMPLES / "pipeline.py"
SHOP = EXAMPLES / "shop.py"
FACTORIES = EXAMPLES / "audit" / "packages.toml"
PACKAGES = ("kiwisolver", "multidict", "simplejson")
"""Of those that examples are about: contourpy brings numpy, fifty times their size."""


def done(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a module or script on this Python to its end."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_pipeline_prints_the_same_report_in_every_run() -> None:
    first, second = done(PIPELINE, 600), done(PIPELINE, 600)
    assert first.stderr == second.stderr == ""
    assert first.stdout == second.stdout
    assert first.stdout.startswith("1,197 requests, 3 lines malformed\n")


@free_threaded_only
def test_a_whole_run_of_the_pipeline_shows_what_its_readme_tells(tmp_path: Path) -> None:
    report = tmp_path / "verdicts.json"
    words = ("--verdicts", "--json", "--output", report)
    ran = done("-m", "inspector", "run", *words, PIPELINE, 600)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == done(PIPELINE, 600).stdout
    rows = {each["name"]: each for each in json.loads(report.read_text())["types"]}
    assert rows["_json.Scanner"]["verdict"] == "plain decref"
    # Analysts remember requests: what a program keeps comes before what its types cost.
    assert rows["decimal.Decimal"]["verdict"] == rows["__main__.Event"]["verdict"] == "kept"
    in_header = ["_json.Scanner", *["decimal.Decimal"] * (sys.version_info < (3, 15))]
    for name in ("_json.Scanner", "decimal.Decimal", "__main__.Event"):
        evidence = rows[name]["evidence"]
        assert evidence["contributed"] > 1000
        assert (evidence["header"] < -1000) is (name in in_header)


@free_threaded_only
def test_the_two_faults_of_the_shop_are_found_where_the_readme_says() -> None:
    guilty = next(
        number
        for number, line in enumerate(SHOP.read_text().splitlines(), 1)
        if "__defaults__ =" in line
    )
    place = f"shop.py:{guilty} in answer"
    assert place in (ROOT / "README.md").read_text()
    words = [sys.executable, str(SHOP), "60"]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as shop:
        try:
            assert shop.stdout is not None
            assert shop.stdout.readline() == "two workers answer requests\n"
            why = done("-m", "inspector", "why", shop.pid, "--duration", 2)
            holders = done("-m", "inspector", "holders", "Session", shop.pid)
        finally:
            shop.kill()
    assert re.search(rf"stop-the-world.*\n.*{place}", why.stdout), why
    assert "__main__.sessions[int]" in holders.stdout, holders


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, str]:
    """Return what pytest says of examples/checks, with findings expected and with --runxfail."""
    cache = f"cache_dir={tmp_path_factory.mktemp('cache')}"
    words = ("-m", "pytest", "-o", cache, "examples/checks", "-p", "no:cov", "-p", "no:xdist")
    return {shown: done(*words, *["--runxfail"] * shown).stdout for shown in (False, True)}


def test_the_checks_of_packages_find_what_their_readme_tells(outcomes: dict[bool, str]) -> None:
    # Without the GIL multidict contends; kiwisolver leaks everywhere.
    passed, xfailed = (1, 4) if FREE_THREADED else (2, 3)
    assert f"{passed} passed, {xfailed} xfailed in" in outcomes[False]
    assert f"{xfailed} failed, {passed} passed in" in outcomes[True]


def test_the_messages_of_the_checks_are_those_of_the_readme(outcomes: dict[bool, str]) -> None:
    text = (EXAMPLES / "checks" / "README.md").read_text()
    quoted = ["kiwisolver.Variable: +1 reference per run, in every one of 3 runs (leaking)"]
    if FREE_THREADED:
        quoted += ["multidict._multidict.CIMultiDict is not balanced (plain decref)"]
    for message in quoted:
        assert message in text
        assert message in outcomes[True]


def test_every_expression_of_the_factories_makes_an_instance_of_its_type() -> None:
    made = tomllib.loads(FACTORIES.read_text())["make"]
    wanted = {name: text for name, text in made.items() if name.split(".")[0] in PACKAGES}
    assert len(wanted) > 15
    program = (
        "import json, sys\n"
        + "".join(f"import {name}\n" for name in PACKAGES)
        + "kinds = {n: type(eval(e)) for n, e in json.loads(sys.argv[1]).items()}\n"
        "print(json.dumps({n: f'{k.__module__}.{k.__qualname__}' for n, k in kinds.items()}))\n"
    )
    ran = done("-c", program, json.dumps(wanted))
    assert ran.returncode == 0, ran.stderr
    for name, found in json.loads(ran.stdout).items():
        assert found.rpartition(".")[2] == name.rpartition(".")[2]


@free_threaded_only
@pytest.mark.parametrize(
    ("package", "status", "verdict"),
    [
        ("kiwisolver", 9, "leaking"),
        ("multidict", 0, "plain decref"),
        ("simplejson", 0, "plain decref"),
    ],
)
def test_an_audit_finds_what_its_report_tells(package: str, status: int, verdict: str) -> None:
    words = ("--factories", FACTORIES, "--fail-on", "leak,over-decref", "--json")
    ran = done("-m", "inspector", "audit", package, *words)
    assert ran.returncode == status, ran.stderr
    audited = json.loads(ran.stdout)["types"]
    found = {each["type"] for each in audited if each["verdict"] == verdict}
    report = (EXAMPLES / "audit" / f"{package}.md").read_text().replace("\\", "")
    assert found == set(re.findall(rf"^\| (\S+) \| {verdict} ", report, re.MULTILINE)) != set()
