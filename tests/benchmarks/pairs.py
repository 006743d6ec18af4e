"""Two things measured side by side: what is compared is each pair, never two runs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from tests.support import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType


__all__ = ["PROGRAMS", "Asked", "Benchmark", "Crowd", "command", "note", "timed"]

PROGRAMS = Path(__file__).parent / "targets"


class Benchmark(Protocol):
    """What is used of pytest-benchmark's fixture."""

    extra_info: dict[str, object]

    def pedantic(
        self, target: Callable[[], object], *, rounds: int, warmup_rounds: int
    ) -> object: ...


class Pairs(NamedTuple):
    """What was measured of ours and of what it is compared with, pair by pair."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the pairs' ratios."""
        ratios = [a / b for a, b in zip(self.ours, self.theirs, strict=True)]
        first, _, third = statistics.quantiles(ratios, n=4)
        return first, third


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def note(
    benchmark: Benchmark, pair: Callable[[], tuple[float, float]], promise: str, rounds: int
) -> None:
    """Measure pairs, and keep their ratio with what is promised of it (``<= 0.5``)."""
    found: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: found.append(pair()), rounds=rounds, warmup_rounds=1)
    pairs = Pairs([a for a, _ in found[1:]], [b for _, b in found[1:]])
    benchmark.extra_info.update(
        promise=promise,
        ratio=pairs.ratio,
        quartiles=pairs.spread,
        ours=statistics.median(pairs.ours),
        theirs=statistics.median(pairs.theirs),
    )


class Asked:
    """A target that answers each line with a number."""

    def __init__(self, python: str, program: str, *arguments: int) -> None:
        words = [python, str(PROGRAMS / program), *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, text=True, env=environment()
        )
        assert self._answer() == "ready"

    @property
    def pid(self) -> int:
        """The target."""
        return self.process.pid

    def ask(self, *words: object) -> float:
        """Say a line and return the answer, a number."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> Any:  # noqa: ANN401 - JSON
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


class Crowd(Asked):
    """A target with many classes, threads and objects."""

    def __init__(self, python: str, classes: int, threads: int, objects: int = 0) -> None:
        super().__init__(python, "crowd.py", classes, threads, objects)


def command(words: Sequence[str]) -> tuple[float, int]:
    """Run a command to its end; return its seconds and its most resident memory in bytes."""
    script = (
        "import json, resource, subprocess, sys, time; begin = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(json.dumps([time.perf_counter() - begin, "
        "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, *words],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory
