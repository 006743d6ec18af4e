"""A reader that may have more rights than its target trusts nothing that the target can write."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.puppets import Outcome, Puppet, inspect
from tests.support import TARGETS, environment, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMAND = (str(Path(sys.executable).with_name("inspector")),)
MODULE = (sys.executable, "-P", "-m", "inspector")

VERBS: dict[str, tuple[str, ...]] = {
    "dump": ("PID", "--blocking", "--kind", "all"),
    "ps": (),
    "doctor": ("PID",),
    "type": ("__main__.Shared", "PID"),
    "histo": ("PID", "--blocking"),
    "heap": ("PID",),
    "leaks": ("PID", "--blocking"),
    "holders": ("__main__.Shared", "PID"),
    "hot": ("PID", "--duration", "0.1"),
    "findings": ("PID", "--duration", "0.5", "--blocking"),
    "attach": ("PID", "--once"),
    "record": ("PID", "--duration", "0", "-o", "OUTPUT"),
}
"""With the pid and the name of a file still to be put in."""

TRAP = "open(__file__ + '.imported', 'w').close()\n"


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a module of every name that a reader could import."""
    folder = tmp_path_factory.mktemp("trap")
    names = {*sys.stdlib_module_names, *packages_distributions(), "sitecustomize", "usercustomize"}
    for name in filter(str.isidentifier, names):
        (folder / f"{name}.py").write_text(TRAP)
    shutil.copy(TARGETS / "puppet.py", folder / "service.py")
    return folder


def sprung(trap: Path) -> list[str]:
    """Return the modules that were imported from the trap, and set it anew."""
    found = list(trap.glob("*.imported"))
    for each in found:
        each.unlink()
    return [each.name.partition(".")[0] for each in found]


def run_in(folder: Path, *words: object) -> Outcome:
    done = subprocess.run(
        list(map(str, words)),
        env={key: value for key, value in environment().items() if key != "PYTHONPATH"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("way", [COMMAND, MODULE], ids=["inspector", "python -P -m inspector"])
@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_nothing_is_imported_from_the_current_directory_or_that_of_the_target(
    version: str, way: Sequence[str], trap: Path, tmp_path: Path
) -> None:
    before = ["env", "-C", str(trap)]
    with Puppet(python_of(version), "-P", trap / "service.py", before=before) as target:
        assert target.ask("make", 100) == 100
        assert sprung(trap) == []
        # How it is started is told by any verb, what a verb imports by each of them.
        for verb, words in list(VERBS.items())[: None if way == COMMAND else 1]:
            known = {"PID": str(target.pid), "OUTPUT": str(tmp_path / "r.jsonl")}
            outcome = run_in(trap, *way, verb, *(known.get(each, each) for each in words))
            assert outcome.status == 0, outcome.errors
            assert sprung(trap) == [], verb


def test_the_trap_is_one(trap: Path) -> None:
    run_in(trap, sys.executable, "-m", "inspector", "--version")
    assert sprung(trap) != []


HUGE = 1 << 40
"""Bytes of a file with a header whose tables are as far away and as large as can be."""


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


def as_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_directory(path: Path) -> None:
    path.mkdir()


def as_loop(path: Path) -> None:
    path.symlink_to(path)


def as_huge_file(path: Path) -> None:
    order = {"little": 1, "big": 2}[sys.byteorder]
    head = struct.pack("=4sBB10xHHIQQQIHHHHHH", b"\x7fELF", 2, order, 3, 62, 1, 0, 0, HUGE // 2,
                       0, 64, 56, 0, 64, 2**16 - 1, 1)  # fmt: skip
    names = struct.pack("=IIQQQQIIQQ", 1, 3, 0, 0, 0, HUGE, 0, 0, 1, 0)
    with path.open("wb") as file:
        file.write(head)
        file.seek(HUGE // 2 + len(names))
        file.write(names)
        file.truncate(HUGE)


TRICKS = (as_fifo, as_device, as_directory, as_loop, as_huge_file)

MAPPING = """
import mmap, os, sys
mapped = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
class Held: pass
held = [Held() for _ in range(7)]
os.write(1, b"0\\n")
os.read(0, 1)
"""

# The superuser reads mapped files whatever their names have become; others have the names only.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-sys_admin,-checkpoint_restore")
BOUNDED = ("sh", "-c", 'ulimit -v 8000000 && exec "$@"', "sh")


@pytest.fixture(params=[(), WITHOUT_RIGHTS], ids=["with all rights", "with names only"])
def before(request: pytest.FixtureRequest) -> list[str]:
    """Return the words that take rights from the reader, and all but some memory."""
    words = [*request.param, *BOUNDED]
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        pytest.skip("setpriv is missing, or may not drop a capability")
    return words


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_a_program_whose_name_became_something_else_is_read_or_refused_at_once(
    version: str, trick: Callable[[Path], None], before: list[str], tmp_path: Path
) -> None:
    """The program of the process, and a library that it mapped and whose name says Python."""
    python = Path(python_of(version)).resolve()
    program, library = tmp_path / "service", tmp_path / "libpython3.14t.so.1.0"
    for path in (program, library):
        shutil.copy(python, path)
    home = str(python.parent.parent)
    with Puppet(program, "-c", MAPPING, library, PYTHONHOME=home) as target:
        for path in (program, library):
            path.unlink()
            trick(path)
            # The kernel names what is deleted like this, and so may anybody.
            trick(path.with_name(f"{path.name} (deleted)"))
        document = inspect("dump", target.pid, "--json", before=before).document
        (held,) = [each for each in document["objects"] if each["name"] == "__main__.Held"]
        assert held["contributions"] == {str(target.pid): 7}
        assert inspect("doctor", target.pid, before=before).status == 0
        assert inspect("ps", before=before).status == 0
