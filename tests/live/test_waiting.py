"""What takes its time is said on a terminal, from its beginning, and nowhere else."""

from __future__ import annotations

import sys

import inspector
from inspector.audit.auditing import audit_targets
from inspector.audit.supervisor import AuditPlan
from inspector.diagnosis.ranking import rank_objects
from tests.live.puppets import Puppet, inspect
from tests.live.terminals import Terminal
from tests.support import free_threaded_only

SLOW = """
from inspector.screen import waiting
waiting.UNSAID = 0.01
with waiting.announce_wait("reading", 1):
    input()
print("done")
"""


def test_a_terminal_is_told_what_is_done_for_how_long_and_then_is_clean() -> None:
    with Terminal(sys.executable, "-c", SLOW) as terminal:
        terminal.until(r"reading process 1, \d s")
        terminal.send("\n")
        assert terminal.end() == 0
        assert "reading" not in terminal.written.rpartition("\x1b[K")[2]
        assert "done" in terminal.text


def test_a_terminal_that_cannot_erase_is_told_nothing() -> None:
    quick = SLOW.replace("input()", "import time; time.sleep(0.1)")
    with Terminal(sys.executable, "-c", quick, TERM="dumb") as terminal:
        assert terminal.end() == 0
        assert terminal.written == "done\r\n"


def test_a_pipe_is_told_nothing(python: str) -> None:
    with Puppet(python) as target:
        assert inspect("dump", target.pid).errors == ""


def test_a_ranking_tells_what_it_does_from_the_first_reading_on(python: str) -> None:
    told: list[str] = []
    with Puppet(python) as target:
        attached = inspector.attach(target.pid)
        rank_objects(
            attached, duration=0.01, tell=lambda _seconds, _samples, what: told.append(what)
        )
    assert told[:2] == ["reading", "sampling"]
    assert told[-1].startswith("ranking ")


@free_threaded_only
def test_an_audit_tells_what_it_does_before_it_knows_how_many_types_there_are() -> None:
    told: list[tuple[int, int, str]] = []
    audit_targets(AuditPlan(("queue",), calls=1), lambda *step: told.append(step))
    before = [what for _, total, what in told if not total]
    assert before == ["starting Python", "importing queue", "listing types"]
    assert [step for step in told if not step[1]] == told[:3]
    assert told[3][:2] == (0, len(told) - 3)
