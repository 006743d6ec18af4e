"""A whole command, beside the standard library's look at another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.pairs import Crowd, command, note
from tests.support import ROOT, python_of

if TYPE_CHECKING:
    from tests.benchmarks.pairs import Benchmark

ROUNDS = 10


@pytest.mark.parametrize("what", ["seconds", "memory"])
def test_dump_as_json(benchmark: Benchmark, what: str) -> None:
    """Beside ``python3.15t -m profiling.sampling dump``, both on 3.15t."""
    python = ROOT / ".venv-3.15t" / "bin" / "python"
    if not python.exists():
        pytest.skip("`make env PYTHON=3.15t` was not run")
    place = ["seconds", "memory"].index(what)
    with Crowd(python_of("3.15t"), 1000, 8) as crowd:
        ours = [str(python), "-m", "inspector", "dump", str(crowd.pid), "--json"]
        theirs = [str(python), "-m", "profiling.sampling", "dump", str(crowd.pid)]
        note(
            benchmark,
            lambda: (command(ours)[place], command(theirs)[place]),
            "<= 1",
            ROUNDS,
        )
