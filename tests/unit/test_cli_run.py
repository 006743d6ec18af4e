from __future__ import annotations

import pytest

from inspector.cli.run import split_program

VALUED = {"--at", "--output", "-o", "--limit"}


@pytest.mark.parametrize(
    ("line", "own", "program"),
    [
        ("prog.py --json x", "", "prog.py --json x"),
        ("--at 2 prog.py --at 3", "--at 2", "prog.py --at 3"),
        ("--at=2 prog.py", "--at=2", "prog.py"),
        ("--json -m module --json", "--json", "-m module --json"),
        ("-mmodule -h", "", "-mmodule -h"),
        ("-o -m -c code -x", "-o -m", "-c code -x"),
        ("--limit -1 -", "--limit -1", "-"),
        ("--json -- -m module", "--json", "-m module"),
        ("-- prog.py -- x", "", "prog.py -- x"),
        ("--help", "--help", ""),
        ("", "", ""),
        ("--at", "--at", ""),
    ],
)
def test_what_follows_the_program_is_its_own(line: str, own: str, program: str) -> None:
    assert split_program(line.split(), VALUED) == (own.split(), program.split())
