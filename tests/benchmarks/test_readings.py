"""How long a reading takes, beside what one would do without it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

import inspector
from tests.benchmarks.pairs import PROGRAMS, Crowd, note, timed
from tests.support import environment, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.pairs import Benchmark

every_version = pytest.mark.parametrize("version", interpreters(debug=False))

CLASSES, THREADS, ROUNDS = 5000, 64, 20
PAUSE = PROGRAMS / "pause.py"


@every_version
@pytest.mark.parametrize(
    ("beside", "promise"), [("collect", "<= 0.1"), ("own calls", "<= 1.5"), ("readv", "<= 1.5")]
)
def test_the_pause_of_an_exact_snapshot(
    benchmark: Benchmark, version: str, beside: str, promise: str
) -> None:
    """Beside a collection of the same process, and bare system calls that move the same bytes."""
    done = subprocess.run(
        [python_of(version), PAUSE, str(CLASSES), str(THREADS), str(ROUNDS + 1)],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    seen = json.loads(done.stdout)
    rounds = zip(seen["pause"], seen[beside], strict=True)

    def pair() -> tuple[float, float]:
        ours, theirs = next(rounds)
        return ours / 1e9, theirs / 1e9

    note(benchmark, pair, promise, ROUNDS)


@every_version
@pytest.mark.parametrize(("objects", "promise"), [(0, "<= 0.5"), (1_000_000, "<= 0.05")])
def test_a_full_reading_from_outside(
    benchmark: Benchmark, version: str, objects: int, promise: str
) -> None:
    """Beside ``Counter(map(type, gc.get_objects()))`` in the target."""
    with Crowd(python_of(version), CLASSES, THREADS, objects) as crowd:
        target = inspector.attach(crowd.pid)
        target.snapshot()
        note(
            benchmark,
            lambda: (timed(target.snapshot), crowd.ask("tally") / 1e9),
            promise,
            ROUNDS,
        )


SIZES = [
    (10_000, 16, 1000, 16),
    (100_000, 16, 10_000, 16),
    (5000, 64, 5000, 16),
    (5000, 256, 5000, 64),
]


@pytest.fixture(params=SIZES, ids=lambda sizes: "{}x{} beside {}x{}".format(*sizes))
def crowds(request: pytest.FixtureRequest) -> Iterator[tuple[Crowd, Crowd, float]]:
    """Yield a large target, a small one, and how many times larger the one is."""
    classes, threads, fewer_classes, fewer_threads = request.param
    python = python_of("3.14t")
    with (
        Crowd(python, classes, threads) as large,
        Crowd(python, fewer_classes, fewer_threads) as small,
    ):
        yield large, small, classes * threads / fewer_classes / fewer_threads


def test_growth(benchmark: Benchmark, crowds: tuple[Crowd, Crowd, float]) -> None:
    """More classes, or more threads, beside fewer: no worse than linear."""
    large, small, times = crowds
    targets = [inspector.attach(each.pid) for each in (large, small)]
    for each in targets:
        each.snapshot()
    note(
        benchmark,
        lambda: (timed(targets[0].snapshot), timed(targets[1].snapshot)),
        f"<= {times:g}",
        ROUNDS // 2,
    )


@every_version
def test_attaching_to_a_busy_process(benchmark: Benchmark, version: str) -> None:
    """Beside the 100 milliseconds that it may take."""
    with Crowd(python_of(version), CLASSES, THREADS) as crowd:
        crowd.ask("begin")
        note(benchmark, lambda: (timed(lambda: inspector.attach(crowd.pid)), 0.1), "<= 1", ROUNDS)
