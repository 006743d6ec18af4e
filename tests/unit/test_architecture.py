"""What may import what, how long a module may be, and what the door shows."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.support import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "inspector"
MODULES = sorted(PACKAGE.rglob("*.py"))

BELOW: dict[str, set[str]] = {
    "errors": set(),
    "regular_file": set(),
    "verdict": set(),
    "snapshots": {"errors", "regular_file", "verdict"},
    "process": {"errors", "regular_file"},
    "cpython": {"errors", "snapshots", "process"},
    "analysis": {"verdict", "snapshots"},
    "reader": {"errors", "snapshots", "verdict", "process", "cpython"},
    "diagnosis": {"errors", "verdict", "snapshots", "process", "cpython", "analysis", "reader"},
    "": {"errors", "snapshots", "process", "reader"},
    "checks": {"errors", "verdict", "snapshots", "process", "cpython", "reader"},
    "plugin": {"checks"},
    "audit": {"errors", "regular_file", "verdict", "reader", "checks"},
    "screen": {
        *("errors", "verdict", "snapshots", "process", "analysis", "reader", "diagnosis"),
        "audit",
    },
    "launch": {"errors", "verdict", "snapshots", "analysis", "reader", "", "checks", "screen"},
    "cli": {
        *("errors", "verdict", "snapshots", "analysis", "reader", "diagnosis"),
        *("", "audit", "screen", "launch"),
    },
    "__main__": {"cli"},
}
"""Room -> the rooms that it imports from, each above all of those; ``""`` is the door, the
package itself."""

EXCEPTIONS = {
    ("inspector", "inspector.launch.live"): "in the body of dashboard(), which starts a viewer",
    ("inspector", "inspector.launch.board_options"): "likewise",
    (
        "inspector.snapshots.snapshot",
        "inspector.analysis.comparison",
    ): "in the body of -",
    ("inspector.checks.counts", "inspector"): "the own process is attached once, by the door",
    ("inspector.checks.merges", "inspector"): "likewise",
    ("inspector.checks.support", "inspector"): "likewise",
}
"""(module, what it imports) -> why it may."""

TOOLS = {
    "reader": {"psutil"},
    "diagnosis": {"psutil"},
    "screen": {"rich"},
    "cli": {"typer"},
    "plugin": {"pytest", "_pytest"},
    "launch": {"sitecustomize"},
}
"""Room -> what it may import from outside the standard library."""

MOST_LINES = 400


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the room of a module; the package itself is ``""``."""
    return [*module.split("."), ""][1]


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, for types only or not, in functions or not."""
    found: set[str] = set()
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from inspector import checks` names a room, `from inspector import attach` the door.
            inner = [f"{module}.{alias.name}" for alias in node.names]
            found.update(each if is_module(each) else module for each in inner)
    return found


def is_module(name: str) -> bool:
    """Whether a dotted name is a module of the package."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def arrows() -> list[tuple[str, str]]:
    """Return (module, what it imports) for imports within the package."""
    return [
        (name_of(path), imported)
        for path in MODULES
        for imported in sorted(imports_of(path))
        if imported.split(".")[0] == "inspector"
    ]


def test_imports_point_one_way() -> None:
    used: dict[str, set[str]] = {room: set() for room in BELOW}
    for module, imported in arrows():
        if (module, imported) not in EXCEPTIONS:
            used[room_of(module)].add(room_of(imported))
    assert {room: rooms - {room} for room, rooms in used.items()} == BELOW
    assert set(EXCEPTIONS) <= set(arrows())
    rooms = list(BELOW)
    assert all(set(rooms[:place]) >= BELOW[room] for place, room in enumerate(rooms))


def test_every_room_has_its_place() -> None:
    rooms = {room_of(name_of(path)) for path in MODULES}
    assert rooms == set(BELOW)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, imported in arrows():
        if (module, imported) not in EXCEPTIONS:
            graph.setdefault(module, set()).add(imported)

    def reached(module: str) -> set[str]:
        found: set[str] = set()
        waiting = [module]
        while waiting:
            new = graph.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    assert [module for module in graph if module in reached(module)] == []


def test_each_room_has_its_own_tools_from_outside() -> None:
    strange = [
        (name_of(path), imported)
        for path in MODULES
        for imported in sorted({each.split(".")[0] for each in imports_of(path)})
        if imported not in {"inspector", *sys.stdlib_module_names}
        and imported not in TOOLS.get(room_of(name_of(path)), set())
    ]
    assert strange == []
    used = {
        (room_of(name_of(path)), each.split(".")[0])
        for path in MODULES
        for each in imports_of(path)
    }
    unused = [(room, tool) for room, tools in TOOLS.items() for tool in tools]
    assert [each for each in unused if each not in used] == []


def verdicts_chosen(tree: ast.Module) -> list[str]:
    """Return what a module makes verdicts of, instead of comparing those of the judge.

    A table of the module may name them, and a function may compare with them.
    """
    allowed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd)
        ):
            allowed.update(map(id, ast.walk(node)))
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            text = ast.unparse(node)
            named = isinstance(node, ast.Attribute) and text.startswith("Verdict.")
            made = isinstance(node, ast.Call) and text.startswith("Judgement(")
            if made or (named and id(node) not in allowed):
                found.append(text)
    return found


def test_one_room_chooses_verdicts() -> None:
    chosen = {
        name_of(path): verdicts_chosen(tree_of(path))
        for path in MODULES
        if room_of(name_of(path)) != "verdict"
    }
    assert {name: found for name, found in chosen.items() if found} == {}
    assert verdicts_chosen(tree_of(PACKAGE / "verdict" / "judge.py"))


@pytest.mark.parametrize(
    ("body", "chosen"),
    [
        ("return Verdict.KEPT", ["Verdict.KEPT"]),
        ("return Judgement(word, evidence)", ["Judgement(word, evidence)"]),
        ("return found._replace(verdict=Verdict.KEPT)", ["Verdict.KEPT"]),
        ("return found.verdict is Verdict.KEPT", []),
        ("return found.verdict in (Verdict.KEPT, Verdict.GROWING)", []),
    ],
)
def test_what_chooses_a_verdict_is_seen(body: str, chosen: list[str]) -> None:
    assert verdicts_chosen(ast.parse(f"def show(): {body}")) == chosen
    assert verdicts_chosen(ast.parse("LOSSES = {Verdict.KEPT}")) == []


ALONE = """
import sys
import inspector
print([name for name in sys.modules if name.startswith("inspector.")])
"""

LOADED = """
import json, sys
before = set(sys.modules)
import inspector
shown = [getattr(inspector, name) for name in inspector.__all__]
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_importing_the_package_loads_no_other_module_of_it_but_its_errors() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", ALONE],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['inspector.errors']\n"


def test_the_door_has_no_names_but_those_that_it_shows() -> None:
    assert set(inspector.__all__) <= set(dir(inspector))
    with pytest.raises(AttributeError, match="no attribute 'refcuont'"):
        getattr(inspector, "refcuont")  # noqa: B009 - mypy knows that it is not there


def test_the_names_of_the_package_load_the_standard_library_only() -> None:
    # Without the site module no start-up file of the environment imports anything before.
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", LOADED],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert "inspector" in loaded
    assert loaded - {"inspector"} <= set(sys.stdlib_module_names)


def test_the_names_of_the_package_load_no_room_that_shows_or_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    rooms = {room_of(name) for name in json.loads(done.stdout) if name.startswith("inspector")}
    assert rooms == {"", "errors", "regular_file", "snapshots", "process", "cpython", "reader"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


def test_no_module_is_long() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    long = {name: number for name, number in lines.items() if number > MOST_LINES}
    assert long == {}


def test_what_the_door_shows_is_sorted_there_and_explained() -> None:
    tree = tree_of(PACKAGE / "__init__.py")
    (shown,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert ast.literal_eval(shown) == inspector.__all__
    assert inspector.__all__ == sorted(inspector.__all__)
    assert len(set(inspector.__all__)) == len(inspector.__all__)
    silent = [name for name in inspector.__all__ if not getattr(inspector, name).__doc__]
    assert silent == []
