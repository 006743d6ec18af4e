"""Headers sampled from outside, and what the verdicts on an extension's types are."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.analysis.history import History
from inspector.screen.dashboard.state import State, add_snapshot
from inspector.screen.export import export_text
from inspector.screen.text import GIL_ON
from inspector.verdict.evidence import Verdict
from tests.live.puppets import Puppet, Restless, inspect
from tests.support import FREE_THREADED, TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest_plugins = ["tests.extension.fixture"]

SAMPLES = 300


class Hammer:
    """A target whose threads tell how many rounds they have made."""

    def __init__(self, puppet: Puppet, rounds: mmap.mmap) -> None:
        self.pid = puppet.pid
        self._rounds = rounds

    def wait(self, *, everyone: bool = False) -> None:
        """Wait until some thread, or each, has made two more rounds, one of them in whole."""
        before = memoryview(self._rounds).cast("q").tolist()
        enough = all if everyone else any
        while not enough(
            now >= then + 2
            for then, now in zip(before, memoryview(self._rounds).cast("q"), strict=True)
        ):
            time.sleep(0)


@pytest.fixture(params=interpreters(debug=False))
def hammer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hammer]:
    path = tmp_path / "rounds"
    path.write_bytes(bytes(16))
    python = python_of(request.param)
    with Restless(python, TARGETS / "hammer.py", path) as process, path.open("r+b") as file:
        yield Hammer(process, mmap.mmap(file.fileno(), 16, access=mmap.ACCESS_READ))


def test_a_hammered_type_is_hot_and_idle_and_balanced_ones_are_cold(hammer: Hammer) -> None:
    target = inspector.attach(hammer.pid)
    snapshot = target.snapshot()
    sampler = target.sampler(snapshot)
    for _ in range(SAMPLES + 1):
        hammer.wait()
        sampler.sample()
    sampled = sampler.take()
    assert sampled.samples + sampled.left_out == SAMPLES
    assert sampled.samples > SAMPLES / 2
    moved = {name: sampled.moved[place] for (_, _, name), place in sampled.places.items()}
    assert max(moved, key=moved.__getitem__) == "__main__.Hammered"
    assert moved["__main__.Hammered"] > 0.9 * sampled.samples
    assert (moved["__main__.Balanced"], moved["__main__.Idle"]) == (0, 0)
    history = History.begin(snapshot).add(target.snapshot(), sampled)
    judged = history.verdict(history.latest["__main__.Hammered"])
    assert judged is not None
    assert judged.verdict is Verdict.PLAIN_DECREF
    assert judged.evidence.samples == sampled.samples
    # What was taken is told once.
    assert sampler.take().samples == 0


def test_hot_ranks_types_with_their_confidence(hammer: Hammer) -> None:
    found = inspect("hot", hammer.pid, "--duration", 1.2, "--limit", 2, "--json").document
    first, second = found["objects"]
    assert first["name"] == "__main__.Hammered"
    assert first["verdict"] == "plain decref"
    assert 0 < first["low"] <= first["heat"] <= first["high"] <= 1
    assert second["updates_per_second"] <= first["updates_per_second"]
    assert first["threads"] == 2
    assert "2 threads did so side by side, and contend for it" in first["advice"]
    assert found["samples"] == first["samples"] > 0


def test_an_export_says_what_hot_says(hammer: Hammer) -> None:
    target = inspector.attach(hammer.pid)
    state = add_snapshot(State(), target.snapshot())
    for _ in range(4):
        # Both threads make some between any two readings.
        hammer.wait(everyone=True)
        state = add_snapshot(state, target.snapshot())
    document = json.loads(export_text(state, "x.json"))
    (found,) = [each for each in document["objects"] if each["name"] == "__main__.Hammered"]
    assert found["verdict"] == "plain decref"
    assert found["threads"] == found["evidence"]["threads"] == 2
    assert found["updates_per_second"] > 0
    assert "contend for it" in found["advice"]


ALONE = "print(1, flush=True)\nimport collections\nwhile 1: collections.deque()"


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_a_type_of_one_thread_contends_with_nobody(version: str) -> None:
    with Restless(python_of(version), "-c", ALONE) as process:
        words = ("hot", process.pid, "--duration", 0.6, "--filter", "collections.deque")
        (found,) = inspect(*words, "--json").document["objects"]
        shown = " ".join(inspect(*words).output.split())
        process.process.kill()
    assert (found["verdict"], found["threads"]) == ("plain decref", 1)
    assert "the process has one thread, which contends with nobody" in found["advice"]
    assert "1 thread" in shown
    assert "contends with nobody" in shown


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_a_gil_that_is_on_is_said_first_and_nobody_contends(version: str, tmp_path: Path) -> None:
    path = tmp_path / "rounds"
    path.write_bytes(bytes(16))
    with Restless(python_of(version), TARGETS / "hammer.py", path, PYTHON_GIL="1") as process:
        words = ("hot", process.pid, "--duration", 0.6, "--limit", 1)
        (found,) = inspect(*words, "--json").document["objects"]
        shown = [inspect(*words), inspect("dump", process.pid), inspect("doctor", process.pid)]
        shown.append(inspect("attach", process.pid, "--once"))
        process.process.kill()
    assert (found["name"], found["verdict"]) == ("__main__.Hammered", "plain decref")
    assert "the GIL is on, so no thread contends for it" in found["advice"]
    for each in shown:
        assert each.status == 0, each.errors
        assert each.output.splitlines()[1] == GIL_ON


def test_hot_samples_no_more_often_than_it_is_told_to(hammer: Hammer) -> None:
    words = ("--duration", 1, "--rate", 10, "--limit", 1, "--json")
    found = inspect("hot", hammer.pid, *words).document
    assert 1 <= found["samples"] + found["left_out"] <= 11


def test_hot_of_a_process_that_is_gone_says_so() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    done = inspect("hot", child.pid, "--duration", 1)
    assert (done.status, done.output) == (3, "")


@pytest.fixture(scope="module")
def using(typerefs_path: Path) -> Iterator[Callable[..., Verdict | None]]:
    """Return a function that has a type used step by step, and returns the verdict on it."""
    if not FREE_THREADED:
        pytest.skip("the extension is built for the interpreter that runs the tests")
    with Puppet(sys.executable, TARGETS / "uses.py", typerefs_path.parent) as puppet:
        target = inspector.attach(puppet.pid)

        def used(what: str, name: str, steps: int = 9) -> Verdict | None:
            puppet.ask(what, name)
            history = History.begin(target.snapshot())
            for _ in range(steps):
                puppet.ask(what, name)
                history = history.add(target.snapshot())
            judged = history.verdict(history.latest[name])
            return judged and judged.verdict

        yield used


@pytest.mark.parametrize(
    ("name", "what", "verdict"),
    [
        ("Balanced", "keep", Verdict.BALANCED),
        ("PlainDecref", "keep", Verdict.PLAIN_DECREF),
        ("PlainDecref", "make", Verdict.PLAIN_DECREF),
        # Whether instances hold the references cannot be seen from outside.
        ("Leaking", "make", Verdict.GROWING),
        ("OverDecref", "make", Verdict.OVER_DECREF),
    ],
)
def test_types_of_an_extension_are_told_apart_from_outside(
    using: Callable[..., Verdict | None], name: str, what: str, verdict: Verdict
) -> None:
    assert using(what, f"typerefs.{name}") is verdict


@pytest.fixture(params=interpreters(debug=False, alone=True))
def puppet(request: pytest.FixtureRequest) -> Iterator[Puppet]:
    with Puppet(python_of(request.param)) as target:
        yield target


def test_a_merge_between_two_samples_makes_no_header_hot(puppet: Puppet) -> None:
    target = inspector.attach(puppet.pid)
    puppet.ask("make", 30)
    puppet.ask("threads", 1, 20)
    before = target.snapshot()
    sampler = target.sampler(before)
    sampler.sample()
    for merge in ("collect", "join"):
        puppet.ask(merge)
        sampler.sample()
    after = target.snapshot()
    assert before["__main__.Shared"].shared != after["__main__.Shared"].shared
    sampled = sampler.take()
    assert (sampled.samples, sampled.left_out, sum(sampled.moved)) == (0, 2, 0)
    # What comes after it counts again.
    sampler.sample()
    assert sampler.take().samples == 1
