"""A CPython of our own, built from Debian's source package into the user's cache directory.

    <cache>/ft-inspector/python/3.14t/        the finished interpreter (its prefix)
        bin/python3.14t                       the executable
        source/                               what a C probe of its internals compiles against:
                                              -I. -IInclude -IInclude/internal -DPy_BUILD_CORE
        build.json                            written last: which source it was built from
    <cache>/ft-inspector/python/3.14t.log     the last build's log
    <cache>/ft-inspector/python/3.14t.lock    held while building
    <cache>/ft-inspector/python/3.14t.part/   a build under way, or the rest of an interrupted one

A build is moved to its final name only when it has been installed, tried and stamped, so whatever
has that name is complete. Remove the directory to have it built again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from debian import SOURCES, Source, ensure_build_packages, fetch_source
from get_uv import cache_directory
from progress import SetupError, Ticker, run_logged, say
from reordered import MARK, reorder
from versions import Version, check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAMP = "build.json"
# make's own variables and PYTHON=... of an outer make would reach CPython's Makefile.
PASSED_ON = ("PATH", "HOME", "TMPDIR", "CC", "CPPFLAGS", "LDFLAGS")


def directory() -> Path:
    """Where the interpreters built here are kept."""
    python = cache_directory() / "python"
    if any(character.isspace() for character in str(python)):
        raise SetupError(
            f"CPython cannot be built into a path with blanks: {python}",
            "set XDG_CACHE_HOME to another directory",
        )
    python.mkdir(parents=True, exist_ok=True)
    return python


def finished(version: Version) -> str:
    """Path of the interpreter built earlier; empty if there is none, or from another source."""
    home = directory() / version.name
    try:
        stamp = json.loads((home / STAMP).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    if stamp["asked_for"] != SOURCES[version.minor].file_name:
        return ""
    return check(executable(home, version), version)[0]


def executable(prefix: Path, version: Version) -> Path:
    """Where `make install` puts the executable below `prefix`."""
    return prefix / "bin" / f"{version.command}{'d' * version.debug}"


def source_of(path: Path) -> Path | None:
    """Directory with the headers that the interpreter `path` was built from, if it is ours."""
    source = path.parent.parent / "source"
    return source if (source / "pyconfig.h").is_file() else None


def built(version: Version) -> str:
    """Build the interpreter, unless somebody else finishes it first; return its path."""
    home = directory() / version.name
    log = home.with_name(f"{version.name}.log")
    with only_one(home.with_name(f"{version.name}.lock"), log) as lock:
        path = finished(version)
        if path:
            return path
        part = home.with_name(f"{version.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        log.write_bytes(b"")
        say(f"building {version.name} from source, once; log: {log}")
        staged = build_into(part, home, version, log, lock)
        shutil.rmtree(home, ignore_errors=True)
        staged.rename(home)
        shutil.rmtree(part, ignore_errors=True)
    return finished(version)


@contextlib.contextmanager
def only_one(lock: Path, log: Path) -> Iterator[int]:
    """Hold the lock file, waiting for whoever holds it; gives its file descriptor."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait_for(descriptor, log)
        yield descriptor
    finally:
        os.close(descriptor)


def wait_for(descriptor: int, log: Path) -> None:
    """Wait for the lock, showing that something goes on."""
    ticker = Ticker(f"waiting for another build (log: {log})")
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        time.sleep(0.5)
        ticker.tick()
    ticker.end()


def build_into(part: Path, home: Path, version: Version, log: Path, lock: int) -> Path:
    """Fetch, compile and install below `part`; return the tree to be moved to `home`."""
    source = SOURCES[version.minor]
    ensure_build_packages(part, log)
    archive = fetch_source(source, part, log)
    tree = part / "tree"
    tree.mkdir()
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment["LC_ALL"] = "C.UTF-8"

    def step(phase: str, *command: str) -> None:
        run_logged(phase, command, log, cwd=tree, env=environment, keep_open=[lock])

    step("unpacking", "tar", "-xf", str(archive), "--strip-components=1")
    options = ["--disable-gil", f"--prefix={home}", *["--with-pydebug"] * version.debug]
    if version.reordered:
        reorder(tree)
        options.append(MARK)
    step("configuring (about 30 s)", "./configure", *options)
    step("compiling (minutes)", "make", f"-j{os.cpu_count() or 1}")
    step("installing", "make", "install", f"DESTDIR={part / 'staging'}")

    staged = part / "staging" / home.relative_to("/")
    keep_headers(tree, staged / "source")
    path, why_not = check(executable(staged, version), version)
    if not path:
        raise SetupError(
            f"the {version.name} just built cannot be used: {why_not}",
            f"a module may be missing because its headers are; see {log}",
        )
    write_stamp(staged, source, archive)
    return staged


def keep_headers(tree: Path, target: Path) -> None:
    """Keep what a probe of CPython's internals is compiled against."""
    shutil.copytree(tree / "Include", target / "Include")
    shutil.copy2(tree / "pyconfig.h", target)


def write_stamp(staged: Path, source: Source, archive: Path) -> None:
    """Note which file was asked for and which one was used."""
    stamp = {"asked_for": source.file_name, "built_from": archive.name}
    (staged / STAMP).write_text(json.dumps(stamp) + "\n", encoding="ascii")
