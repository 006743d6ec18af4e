"""The runtime is found wherever it is, and what has none is told apart."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.errors import NotPython, UnsupportedVersion
from inspector.process.memory import ProcessMemory
from inspector.process.runtime import find_own_runtime, find_runtime
from tests.extension.build import compiler
from tests.live.puppets import Puppet
from tests.support import TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

every_version = pytest.mark.parametrize("version", interpreters())
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")

E_SHOFF, E_SHNUM = (40, 8), (60, 4)
"""Place and size of what leads to the section headers, elf(5); e_shstrndx is in the latter."""


@pytest.fixture(params=interpreters(debug=False))
def python(request: pytest.FixtureRequest) -> Path:
    """Return a free-threaded interpreter."""
    return Path(python_of(request.param)).resolve()


@pytest.fixture
def copied(python: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a copy of an interpreter; it is large, so it does not outlive the test."""
    program = tmp_path / "service"
    shutil.copy(python, program)
    yield program
    program.unlink(missing_ok=True)


def found(target: Puppet) -> int:
    return find_runtime(target.pid, ProcessMemory(target.pid))


def assert_read(target: Puppet) -> None:
    """Assert that the runtime is where the target says, and that its instances are counted."""
    assert found(target) == target.ready
    for blocking in (False, True):
        snapshot = inspector.attach(target.pid).snapshot(blocking=blocking)
        held, bare = (snapshot[f"__main__.{name}"].counted for name in ("Held", "Bare"))
        assert held is not None
        assert bare is not None
        assert held - bare == 7


def home(python: Path) -> str:
    """Return the value of ``PYTHONHOME`` with which a copy finds the library."""
    return str(python.parent.parent)


def strip(program: Path) -> None:
    """Take away what leads to the section headers, as tools that shrink programs do."""
    with program.open("r+b") as file:
        for place, size in (E_SHOFF, E_SHNUM):
            file.seek(place)
            file.write(bytes(size))


@every_version
def test_the_runtime_of_an_interpreter_is_where_its_symbol_is(version: str) -> None:
    with Puppet(python_of(version), TARGETS / "address.py") as target:
        assert found(target) == target.ready


def test_a_program_without_section_headers_is_searched(python: Path, copied: Path) -> None:
    strip(copied)
    with Puppet(copied, TARGETS / "address.py", PYTHONHOME=home(python)) as target:
        assert_read(target)


def test_a_program_that_was_deleted_or_replaced_is_read_as_it_was(
    python: Path, copied: Path
) -> None:
    with Puppet(copied, TARGETS / "address.py", PYTHONHOME=home(python)) as target:
        copied.unlink()
        assert_read(target)
        shutil.copy("/bin/true", copied)
        assert_read(target)


@root_only
def test_a_program_in_mounts_of_its_own_is_found(python: Path, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is missing")
    script = (
        f"mount -t tmpfs none {tmp_path} && cp {python} {tmp_path}/service && "
        f"exec {tmp_path}/service {TARGETS / 'address.py'}"
    )
    command = ["--mount", "sh", "-c", script]
    with Puppet("unshare", *command, PYTHONHOME=home(python)) as target:
        assert not list(tmp_path.iterdir())
        assert_read(target)


@pytest.mark.parametrize("kind", ["-pie", "-no-pie"])
def test_a_program_with_python_inside_is_one(python: Path, tmp_path: Path, kind: str) -> None:
    chosen, config = compiler(), python.with_name(f"{python.name}-config")
    if chosen is None or not config.exists():
        pytest.skip("no C compiler, or no configuration of the interpreter for it")
    flags = subprocess.run(
        [config, "--embed", "--includes", "--ldflags"], check=True, capture_output=True, text=True
    )
    program = tmp_path / "service"
    words = ["-DPy_GIL_DISABLED=1", kind, "-rdynamic", "-pthread", "-o", str(program)]
    source = str(TARGETS / "embedding.c")
    try:
        subprocess.run(
            [chosen, *words, source, *shlex.split(flags.stdout)], check=True, capture_output=True
        )
    except subprocess.CalledProcessError as failure:
        pytest.skip(f"it cannot be linked here: {failure.stderr!r:.300}")
    with Puppet(program, "", PYTHONHOME=home(python)) as target:
        assert_read(target)
        position_independent = target.ready > 1 << 32
        assert position_independent == (kind == "-pie")
    program.unlink()


MAPPING = """
import ctypes, mmap, os, sys
file = os.open(sys.argv[1], os.O_RDONLY)
mapped = mmap.mmap(file, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
while (place := mapped.find(b"xdebugpy")) >= 0:
    mapped[place] = 0
symbol = ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")
os.write(1, b"%d" % ctypes.addressof(symbol) + bytes([10]))
os.read(0, 1)
"""


def test_a_section_without_the_cookie_in_memory_is_not_believed(
    python: Path, copied: Path, tmp_path: Path
) -> None:
    """Here by a file called libpython, in a process whose own program has no sections."""
    library = tmp_path / "libpython3.14t.so.1.0"
    shutil.copy(python, library)
    strip(copied)
    with Puppet(copied, "-c", MAPPING, library, PYTHONHOME=home(python)) as target:
        assert found(target) == target.ready
    library.unlink()


def test_the_own_runtime_is_what_is_found_from_outside() -> None:
    memory = ProcessMemory()
    try:
        address = find_runtime(os.getpid(), memory)
    except UnsupportedVersion:
        assert sys.version_info < (3, 13)
        assert memory.read(find_own_runtime(), 8) != b"xdebugpy"
    else:
        assert address == find_own_runtime()


def test_a_program_that_only_speaks_of_the_cookie_is_not_python(tmp_path: Path) -> None:
    chosen = compiler()
    if chosen is None:
        pytest.skip("no C compiler on PATH")
    program, source = tmp_path / "liar", tmp_path / "liar.c"
    source.write_text(
        "#include <unistd.h>\n"
        '__attribute__((aligned(64))) char cookie[64] = "xdebugpy";\n'
        'int main(void) { return write(1, "0\\n", 2) != 2 || read(0, cookie + 8, 1); }\n'
    )
    subprocess.run([chosen, "-o", str(program), str(source)], check=True)
    with Puppet(program, "") as target, pytest.raises(NotPython, match=r"\(liar\) does not run"):
        found(target)
