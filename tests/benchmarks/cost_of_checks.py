"""What a marked test costs, and an unmarked one, in a process with 5,000 types.

    python tests/benchmarks/cost_of_checks.py [TYPES] [TESTS]

Prints milliseconds of processor time per test: the median of several runs of pytest in
this process, each on a module of empty tests.  With and without the plugin alternate, so
that a busy machine falls on both; what one adds is the median of the rounds' differences.
The time of a marked test's own repeats is measured apart, as that of as many unmarked
tests, and taken off.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROUNDS = 7
REPEATS = 3


class Watch:
    """Takes the time of the tests alone: no start of pytest, no collection of tests."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a hook
        """Time the loop over all tests."""
        begin = time.process_time()
        result = yield
        self.seconds = time.process_time() - begin
        return result


def run(path: Path, *arguments: str) -> float:
    """Return the seconds that the tests of a module took."""
    watch = Watch()
    gc.collect()
    code = pytest.main(
        [
            "-qq",
            "--no-summary",
            "--no-header",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:terminalreporter",
            *arguments,
            str(path),
        ],
        plugins=[watch],
    )
    if code != 0:
        raise SystemExit(f"pytest ended with {code}")
    return watch.seconds


def say(line: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(line + "\n")


def main() -> int:
    """Measure, print, and return the exit status."""
    types = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    tests = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    kept = [type(f"T{n}", (), {"method": lambda self: self}) for n in range(types)]
    with tempfile.TemporaryDirectory() as place:
        plain, marked = Path(place, "test_plain.py"), Path(place, "test_marked.py")
        body = "import pytest\nclass Widget: pass\n"
        each = "".join(f"def test_{n}(): Widget()\n" for n in range(tests))
        plain.write_text(body + each)
        mark = f"pytestmark = pytest.mark.no_type_leaks(repeat={REPEATS})\n"
        marked.write_text(body + mark + each)
        figures: dict[str, list[float]] = {"without": [], "unmarked": [], "marked": []}
        for number in range(ROUNDS + 1):
            taken = {
                "without": run(plain, "-p", "no:inspector"),
                "unmarked": run(plain),
                "marked": run(marked),
            }
            if number:  # the first round warms up
                for name, seconds in taken.items():
                    figures[name].append(1000 * seconds / tests)
    without, unmarked, whole = (statistics.median(each) for each in figures.values())
    rounds = list(zip(*figures.values(), strict=True))
    plugin = statistics.median(with_it - alone for alone, with_it, _ in rounds)
    rest = statistics.median(checked - (1 + REPEATS) * once for _, once, checked in rounds)
    say(f"Python {sys.version.split()[0]}, {len(kept)} types more, {tests} tests, {ROUNDS} rounds")
    say(f"test without the plugin   {without:8.3f} ms")
    say(f"unmarked test with it     {unmarked:8.3f} ms   adds {plugin:+.3f} ms")
    say(
        f"marked test               {whole:8.3f} ms   adds {rest:+.3f} ms to its {1 + REPEATS} runs"
    )
    for name, several in figures.items():
        say(f"  {name:8} {' '.join(f'{each:.3f}' for each in several)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
