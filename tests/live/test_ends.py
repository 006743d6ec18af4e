"""Processes that end, or become others, at any moment: errors of ours and no harm."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.errors import InspectorError, NoSuchTarget, TargetChanged, Unsettled
from tests.live.puppets import Puppet, state_of
from tests.support import interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable

CYCLES = int(os.environ.get("INSPECTOR_CYCLES", "20"))
"""`make outside` takes a thousand."""

LATEST = 0.15
"""Seconds after its start at which a target ends; it takes longer to attach than to start."""


GONE = {"", "Z", "X"}


def kill(target: Puppet) -> None:
    os.kill(target.pid, signal.SIGKILL)


def leave(target: Puppet) -> None:
    """Let it end by itself."""
    assert target.process.stdin is not None
    target.process.stdin.close()


def replace(target: Puppet) -> None:
    """Let it run another program."""
    target.send("execute")


def watch(pid: int, acted: threading.Event, chance: random.Random) -> InspectorError | None:
    """Attach and read, running and blocking, until that fails.

    None says that it did not: the target had become another program before.
    """
    while True:
        over = acted.is_set()
        try:
            target = inspector.attach(pid)
            for _ in range(chance.randrange(4)):
                target.snapshot(blocking=chance.random() < 0.7)
        except InspectorError as error:
            return error
        if over and state_of(pid) not in GONE:
            return None


def cycle(
    python: str, action: Callable[[Puppet], None], chance: random.Random
) -> InspectorError | None:
    """Watch a target while something is done to it; return what that led to."""
    acted = threading.Event()
    with Puppet(python) as target:

        def act() -> None:
            action(target)
            acted.set()

        target.send("threads", 3, 10)
        timer = threading.Timer(chance.random() * LATEST, act)
        timer.start()
        error = watch(target.pid, acted, chance)
        timer.join()
        assert state_of(target.pid) not in {"t", "T"}
        target.process.kill()
    return error


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_targets_that_end_at_any_moment_are_said_to_have_ended(version: str) -> None:
    chance = random.Random(5)  # noqa: S311 - the moments are to be all kinds of
    errors: Counter[type[InspectorError]] = Counter()
    with Puppet(python_of(version)) as survivor:
        survivor.ask("threads", 3, 10)
        base = inspector.attach(survivor.pid).snapshot(blocking=True)["__main__.Shared"].counted
        for number in range(CYCLES):
            error = cycle(python_of(version), (kill, leave, replace)[number % 3], chance)
            if error is not None:
                errors[type(error)] += 1
            assert inspector.attach(survivor.pid).snapshot(blocking=True, pause_limit=60).exact
        assert survivor.ask("join") == 0
        after = inspector.attach(survivor.pid).snapshot()["__main__.Shared"].counted
        assert after == (base or 0) - 30
    # On a machine that is busy with something else a pause may not come about in time.
    assert all(issubclass(each, (NoSuchTarget, TargetChanged, Unsettled)) for each in errors)
    assert errors[Unsettled] <= CYCLES / 10
