"""Readings of targets that start, fork, exec and die; prints what was seen of them.

Arguments: the Python that the targets run on, how many readings, and after how many
seconds to end in any case.  A reading is a snapshot that was returned; those that ended
in an error are counted apart.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import os
import random
import signal
import sys
import threading
from typing import TYPE_CHECKING

import inspector
from inspector.errors import (
    InspectorError,
    LayoutError,
    NoSuchTarget,
    NotPython,
    TargetChanged,
    Unsettled,
)
from tests.live.puppets import Puppet, state_of
from tests.soak.steadiness import leftover_children, open_files, resident
from tests.soak.tally import Tally
from tests.support import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON, READINGS, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

PATIENCE = 60.0
"""Seconds that a pause may take of a target that rests, on a machine that is busy."""

LATEST = 0.03
"""Seconds after which a target ends, at most."""

THREADS, MOST_HELD = 2, 20

SUBJECT = "__main__.Shared"

ALLOWED: dict[str, tuple[type[InspectorError], ...]] = {
    # There is no runtime yet, or it is not yet filled in.
    "starting": (NotPython, LayoutError, TargetChanged, Unsettled),
    "ending": (NoSuchTarget, TargetChanged, Unsettled),
}
"""What may become of readings of a target in motion; of one that rests, nothing."""

PR_SET_CHILD_SUBREAPER = 36
"""``include/uapi/linux/prctl.h``: children of targets that died become ours to wait for."""


class Seen(Tally):
    """What became of all readings."""

    def failed(self, stage: str, error: InspectorError) -> None:
        """Note a reading that ended in an error."""
        self.errors[f"{stage}: {type(error).__name__}"] += 1
        if not isinstance(error, ALLOWED.get(stage, ())):
            self.fault(f"{stage}: {error!r}")

    def read(self, target: inspector.Target, low: int, high: int, *, blocking: bool) -> None:
        """Take one reading, in which the count of the subject must lie within two numbers."""
        self.alive()
        snapshot = target.snapshot(blocking=blocking, pause_limit=PATIENCE)
        self.figures["readings"] += 1
        self.figures["blocking"] += blocking
        self.figures["tries"] += snapshot.tries
        self.figures["unsettled"] += sum(not row.settled for row in snapshot)
        self.paused(snapshot.pause_ns)
        if blocking and not snapshot.exact:
            self.fault("a reading in a pause is not exact")
        if SUBJECT in snapshot:
            row = snapshot[SUBJECT]
            if row.settled and not low <= (row.counted or 0) <= high:
                self.fault(f"{row.counted} is not within {low} and {high}")
        elif low:
            self.fault("the class that is counted was not seen")

    def attach(self, pid: int) -> inspector.Target:
        """Attach to a process."""
        self.figures["attached"] += 1
        return inspector.attach(pid)


class Life:
    """One target from its start to its end."""

    def __init__(self, seen: Seen, chance: random.Random, base: int) -> None:
        self.seen, self.chance, self.base = seen, chance, base
        self.number = seen.figures["targets"]
        self.held = 0
        """Instances that its threads hold."""
        self.child = 0

    def live(self) -> None:
        """Start, rest, fork or not, and end in one of three ways."""
        with Puppet(PYTHON, "-W", "ignore", TARGETS / "puppet.py", wait=False) as puppet:
            self.start(puppet.pid)
            puppet.answer()
            puppet.until_blocked()
            held = self.chance.randrange(1, MOST_HELD)
            puppet.ask("threads", THREADS, held)
            self.held = THREADS * held
            self.rest(puppet.pid, self.chance.randrange(15, 45))
            if self.number % 2:
                self.child = puppet.ask("fork")
                self.seen.figures["forks"] += 1
                self.rest(self.child, 4)
            end = ENDS[self.number % len(ENDS)]
            self.seen.figures[end.__name__] += 1
            end_of_child = self.child and end is not replace and self.chance.random() < 0.5
            self.end(puppet, end, self.child if end_of_child else puppet.pid)
            if end is replace:
                self.other_program(puppet)
        if self.child:
            os.waitpid(self.child, 0)

    def start(self, pid: int) -> None:
        """Read it as soon as that can be done."""
        while True:
            try:
                target = self.seen.attach(pid)
                for _ in range(3):
                    self.seen.read(target, 0, self.base, blocking=self.chance.random() < 0.3)
            except InspectorError as error:
                self.seen.failed("starting", error)
            else:
                return

    def rest(self, pid: int, times: int) -> None:
        """Read what does not move."""
        count = self.base + self.held
        try:
            target = self.seen.attach(pid)
            for _ in range(times):
                self.seen.read(target, count, count, blocking=self.chance.random() < 0.3)
        except InspectorError as error:
            self.seen.failed("resting", error)

    def end(self, puppet: Puppet, end: Callable[[Puppet], None], victim: int) -> None:
        """Read it until it is no more, or another program."""
        acted = threading.Event()

        def act() -> None:
            end(puppet)
            acted.set()

        timer = threading.Timer(self.chance.random() * LATEST, act)
        timer.start()
        self.until_ended(victim, acted)
        timer.join()
        if state_of(victim) in {"t", "T"}:
            self.seen.fault("a target was left stopped")

    def until_ended(self, pid: int, acted: threading.Event) -> None:
        """Attach and read until that fails, or was done once more after the end."""
        while True:
            over = acted.is_set()
            try:
                target = self.seen.attach(pid)
                for _ in range(self.chance.randrange(1, 5)):
                    blocking = self.chance.random() < 0.5
                    self.seen.read(target, 0, self.base + self.held, blocking=blocking)
            except InspectorError as error:
                self.seen.failed("ending", error)
                return
            if over and state_of(pid) not in {"", "Z", "X"}:
                return

    def other_program(self, puppet: Puppet) -> None:
        """Read what a target has become, from its start to its end."""
        self.start(puppet.pid)
        if puppet.answer() != "replaced":
            self.seen.fault("the other program did not come")
        self.held = 0
        self.end(puppet, leave, puppet.pid)


def kill(puppet: Puppet) -> None:
    """Let it die."""
    os.kill(puppet.pid, signal.SIGKILL)


def leave(puppet: Puppet) -> None:
    """Let it end by itself."""
    assert puppet.process.stdin is not None
    puppet.process.stdin.close()


def replace(puppet: Puppet) -> None:
    """Let it run another program."""
    puppet.send("execute")


ENDS = (kill, leave, replace)
"""What becomes of one target after the other."""


def soak(seen: Seen, bystander: Puppet) -> None:
    """Watch one life after the other, and beside them a target that outlives them all."""
    chance = random.Random(5)  # noqa: S311 - the moments are to be all kinds of
    beside = inspector.attach(bystander.pid)
    base = beside.snapshot()[SUBJECT].counted
    assert base is not None
    held = bystander.ask("make", "7")
    while seen.figures["targets"] < len(ENDS) or (
        seen.figures["readings"] < READINGS and seen.seconds() < SECONDS
    ):
        seen.memory.append(resident())
        seen.figures["targets"] += 1
        Life(seen, chance, base).live()
        seen.read(beside, base + held, base + held, blocking=True)


def leftovers(files: int) -> list[str]:
    """Return what the readings should have left nothing of."""
    gc.collect()
    found = []
    if open_files() != files:
        found.append(f"file descriptors: {open_files()}, and there were {files}")
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - as in open_files()
        found.append("threads")
    if leftover_children():
        found.append("children")
    return found


def main() -> None:
    """Soak, and print what was seen."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    seen, files = Seen(), open_files()
    with Puppet(PYTHON) as bystander:
        soak(seen, bystander)
    faulthandler.cancel_dump_traceback_later()  # it has a thread
    document = {"wanted": READINGS, **seen.document(per="readings")}
    print(json.dumps({**document, "leftovers": leftovers(files)}))


main()
