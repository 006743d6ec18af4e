"""Instances and bytes of another process, wherever they are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.screen.histogram_export import export_histogram
from inspector.screen.selected_types import TypeSelection
from inspector.snapshots.recording import RecordingWriter
from tests.live.puppets import Puppet, inspect
from tests.live.terminals import Terminal
from tests.support import TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from pathlib import Path

HEAPS = TARGETS / "heaps.py"


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_what_rose_in_both_steps_comes_before_what_rose_once(version: str, tmp_path: Path) -> None:
    paths = [tmp_path / "baseline.json", tmp_path / "middle.json.gz"]
    choice = TypeSelection()
    with Puppet(python_of(version), HEAPS) as target:
        attached = inspector.attach(target.pid)
        target.ask("huge", 1)
        export_histogram(attached.histogram(), choice, None, str(paths[0]))
        target.ask("huge", 1)
        target.ask("elsewhere", 400)
        export_histogram(attached.histogram(), choice, None, str(paths[1]))
        target.ask("huge", 1)
        target.ask("drop")
        words = ("--baseline", paths[0], "--target", paths[1], "--limit", 0)
        shown = inspect("histo", target.pid, *words, "--fail-on", "growing", COLUMNS="120")
        mine = ("--filter", "__main__.*", "--fail-on", "growing", "--json")
        others = inspect("histo", target.pid, *words, *mine)
    assert shown.status == 9
    assert "builtins.bytes +" in shown.errors
    lines = [line.split() for line in shown.output.splitlines()]
    rows = {words[0]: words for words in lines if words and "." in words[0]}
    assert rows["builtins.bytes"][-1] == "growing"
    assert rows["__main__.Slotted"][1:5] == ["+200", "+400", "-200", "200"]
    assert list(rows).index("builtins.bytes") < list(rows).index("__main__.Slotted")
    # Those came in the first step and went in the second.
    assert others.status == 0, others.errors
    slotted = {row["name"]: row for row in others.document["types"]}["__main__.Slotted"]
    assert (slotted["delta"], slotted["steps"], slotted["growing"]) == (200, [400, -200], False)


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_a_person_sees_instances_and_a_script_asks_for_them(version: str) -> None:
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("make", 30)
        with Terminal.inspector("dump", target.pid, "--filter", "__main__.Slotted") as terminal:
            terminal.until("INSTANCES", r"__main__\.Slotted .* 30 ")
            assert terminal.end() == 0
        words = ("dump", target.pid, "--filter", "__main__.Slotted")
        plain = inspect(*words).output
        asked = inspect(*words, "--sort", "instances").output
    assert "INSTANCES" not in plain
    assert "INSTANCES" in asked


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_a_recording_tells_what_was_kept_meanwhile(version: str, tmp_path: Path) -> None:
    path = str(tmp_path / "r.jsonl")
    with Puppet(python_of(version), HEAPS) as target, RecordingWriter(path, {}) as writer:
        attached = inspector.attach(target.pid)
        for _ in range(7):
            writer.add(attached.add_heap(attached.snapshot()))
            target.ask("make", 20)
    words = ("--filter", "__main__.Slotted")
    shown = inspect("diff", path, *words, COLUMNS="140").output
    (change,) = inspect("diff", path, *words, "--json").document["changes"]
    assert (change["verdict"], change["growth"], change["instances_growth"]) == ("kept", 120, 120)
    assert change["evidence"]["referenced"] == 120
    assert "120 more instances are alive, or may await a collection" in change["advice"]
    (line,) = [line for line in shown.splitlines() if line.startswith("__main__.Slotted")]
    assert line.split()[-2:] == ["changed", "kept"]
    assert "kept, __main__.Slotted: 120 more instances" in shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--baseline", "/etc/passwd"], "/etc/passwd is not a document of histo --json"),
        (["--baseline", "/nowhere"], "cannot read /nowhere: No such file or directory"),
        (["--target", "/nowhere"], "--target is compared with a --baseline"),
        (["--fail-on", "growing"], "takes --baseline and --target"),
        (["--sort", "delta"], "takes a --baseline"),
        (["--export", "x.png"], "ends in none of .json"),
    ],
)
def test_bad_input_of_a_comparison_is_one_clear_error(words: list[str], text: str) -> None:
    done = inspect("histo", 1, *words, COLUMNS="200")
    assert done.status == 2
    assert text in done.errors
    assert "Traceback" not in done.errors


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_a_service_that_keeps_more_is_told_so_by_every_verb(version: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    words = ("--filter", "__main__.Slotted", "--filter", "builtins.float", "--json")
    with Puppet(python_of(version), HEAPS) as target:
        target.ask("make", 100)
        assert inspect("record", target.pid, "-o", path, "--duration", 0).status == 0
        target.ask("make", 200)
        dump = inspect("dump", target.pid, "--instances", *words).document
        plain = inspect("dump", target.pid, *words).document
        shown = inspect("type", "__main__.Slotted", target.pid)
        whole = inspect("type", "__main__.Slotted", target.pid, "--json").document
        diff = inspect("diff", path, target.pid, *words, "--fail-on", 200)
        replayed = inspect("replay", path, "--once", *words).document
    (slotted,) = dump["objects"]
    assert (slotted["instances"], slotted["attached"]) == (300, None)
    assert slotted["bytes"] == slotted["instances"] * whole["bytes"] // whole["instances"]
    assert dump["heap"]["rss"] > dump["heap"]["types"][0]["bytes"]
    assert plain["heap"] is None
    assert "instances" not in plain["objects"][0]
    assert whole["instances"] == 300
    assert "300 alive in blocks of " in shown.output
    assert diff.status == 9
    assert "__main__.Slotted +200" in diff.errors
    document = json.loads(diff.output)
    changes = {each["name"]: each for each in document["changes"]}
    assert changes["__main__.Slotted"]["growth"] == 200
    assert changes["__main__.Slotted"]["instances_growth"] == 200
    assert changes["builtins.float"]["growth"] is None
    assert abs(changes["builtins.float"]["instances_growth"] - 200) < 4
    assert document["after"]["rss"] > 1 << 20
    assert document["seconds"] > 0
    assert replayed["heap"]["types"]
