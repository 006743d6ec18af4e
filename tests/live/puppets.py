"""Targets that do as they are told, and inspector run on them as a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from tests.support import ROOT, TARGETS, bare_environment, environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = [
    "Outcome",
    "Puppet",
    "Restless",
    "inspect",
    "is_running",
    "state_of",
    "tasks",
    "until_blocked",
    "until_state",
]


class Puppet:
    """A target that answers a line of JSON when it is ready, and to each line it is sent."""

    def __init__(
        self,
        program: str | Path,
        *arguments: str | Path,
        before: Sequence[str] = (),
        wait: bool = True,
        **variables: str,
    ) -> None:
        """Start a program; without arguments it is a Python, and gets the puppet.

        Unless it is to ``wait``, the target's first answer is still to come.
        """
        self.process = subprocess.Popen(
            [*before, program, *(arguments or [TARGETS / "puppet.py"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**bare_environment(), **variables},
            cwd="/",
        )
        self.ready: Any = self.answer() if wait else None
        """What the target said when it was ready; the puppet says its pid."""

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self.process.pid

    def send(self, *words: object) -> None:
        """Say a line."""
        pipe: IO[bytes] | None = self.process.stdin
        assert pipe is not None
        pipe.write((" ".join(map(str, words)) + "\n").encode())
        pipe.flush()

    def answer(self) -> Any:  # noqa: ANN401 - JSON
        """Wait for a line of the target; the test's watchdog ends this if none comes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the target ended: {self.process.wait()}"
        return json.loads(line)

    def ask(self, *words: object) -> Any:  # noqa: ANN401 - JSON
        """Say a line, and return the answer once the target waits for the next one."""
        self.send(*words)
        answer = self.answer()
        self.until_blocked()
        return answer

    def until_blocked(self) -> None:
        """Wait until every thread sleeps, and none has run while that was found out."""
        until_blocked(self.pid)

    def __enter__(self) -> Self:
        if self.ready is not None:
            self.until_blocked()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the target; one that was not killed by the test must have run on to its end."""
        with suppress(BrokenPipeError):
            self.process.stdin and self.process.stdin.close()
        if error is not None:
            self.process.kill()
        status = self.process.wait()
        self.process.stdout and self.process.stdout.close()
        assert error is not None or status in (0, -9)


class Restless(Puppet):
    """A target whose threads need not ever rest."""

    def until_blocked(self) -> None:
        """Take an answer for what it is: threads run on."""


class Outcome(NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The JSON that was printed."""
        assert self.status == 0, self.errors
        return json.loads(self.output)


def inspect(
    *words: object,
    before: Sequence[str] = (),
    cwd: str | Path = ROOT.anchor,
    timeout: float = 100,
    **variables: str,
) -> Outcome:
    """Run inspector on this interpreter, away from its source."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "inspector", *map(str, words)],
        env=environment(**variables),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def state_of(pid: int) -> str:
    """Return the letter of a process's state, empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def until_state(pid: int, letter: str) -> None:
    """Wait until a process is in a state."""
    while state_of(pid) != letter:
        pass


def until_blocked(pid: int) -> None:
    """Wait until every thread of a process sleeps, and none has run while that was found out."""
    before, now = None, tasks(pid)
    while before != now or {state for state, _ in now.values()} != {"S"}:
        assert state_of(pid) not in {"", "Z"}
        before, now = now, tasks(pid)


def tasks(pid: int | str) -> dict[str, tuple[str, int]]:
    """Return the state of each thread of a process, and how often it stopped running."""
    found = {}
    for entry in os.scandir(f"/proc/{pid}/task"):
        with suppress(FileNotFoundError, ProcessLookupError):
            text = Path(entry.path, "status").read_text()
            switches = sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", text)))
            found[entry.name] = (re.findall(r"State:\s+(\w)", text)[0], switches)
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there, not stopped and not ending."""
    return state_of(pid) in set("RSD")
