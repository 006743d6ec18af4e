"""Finds a Python to work with, or makes one; prints its path.

    python3 .ci/interpreter.py 3.14t            free-threaded: 3.14t, 3.15t
    python3 .ci/interpreter.py 3.11             any CPython of that version with a GIL
    python3 .ci/interpreter.py gil              the oldest installed one that the project supports
    python3 .ci/interpreter.py 3.14t-debug      free-threaded and --with-pydebug; always built
    python3 .ci/interpreter.py 3.14t-reordered  its allocator's structures reordered; likewise
    python3 .ci/interpreter.py --for-tests      shell lines that name what is there, for tests

Tried in this order: the variable INSPECTOR_PYTHON_<VERSION> (INSPECTOR_PYTHON_3_14T, say), the
command on PATH, pyenv, what uv has installed, our own cache, `uv python install`, and for a
free-threaded one a build from Debian's source package into the cache (see build.py). Every
candidate is run before it is believed.

The answer goes to standard output, all else to standard error. `--for-tests` only looks: it sets
INSPECTOR_PYTHON_<VERSION> for interpreters that are there, and INSPECTOR_SOURCE_<VERSION> for the
directory of the headers that each was built from, if those are at hand.

Needs Python 3.9 or newer and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from build import built, finished, source_of
from get_uv import fetched_uv, installed_uv
from progress import SetupError, main_guard, say
from versions import Version, check, parse, variable_for

if TYPE_CHECKING:
    from collections.abc import Iterator

# Unreachable must be told from slow: connecting is given seconds, the download minutes.
UV_LIMITS = {"UV_HTTP_CONNECT_TIMEOUT": "5", "UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "0"}
UV_INSTALL_SECONDS = 300
FOR_TESTS = ("3.14t", "3.15t", "gil")


def interpreter(name: str) -> str:
    """Path of the Python called `name`, made if it is not there."""
    versions = parse(name)
    path = present(name, versions)
    if path:
        return path
    if len(versions) == 1:
        path = made(versions[0])
        if path:
            return path
    raise SetupError(
        f"no Python {name} found",
        f"install one (apt-get, pyenv or uv), or set {variable_for(name)} to its path",
    )


def present(name: str, versions: list[Version]) -> str:
    """Path of a Python that is already on this machine; empty if there is none."""
    variable = variable_for(name)
    explicit = os.environ.get(variable)
    if explicit:
        path, why_not = first_match([Path(explicit)], versions)
        if not path:
            raise SetupError(
                f"{variable} is {explicit}, but {why_not}",
                f"set it to the path of a Python {name}, or unset it",
            )
        return path
    for version in versions:
        path, _ = first_match(candidates(version), [version])
        if path:
            return path
    return ""


def first_match(
    candidates: Iterator[Path] | list[Path], versions: list[Version]
) -> tuple[str, str]:
    """Path of the first candidate that is one of `versions`, or why the last one is not."""
    why_not = "there is none"
    for candidate in candidates:
        for version in versions:
            path, why_not = check(candidate, version)
            if path:
                return path, ""
    return "", why_not


def candidates(version: Version) -> Iterator[Path]:
    """Give executables that may be `version`, in order of preference."""
    if not version.variant:
        # Every directory of PATH: a pyenv shim that answers "not found" must not hide the rest.
        for entry in os.get_exec_path():
            yield from existing(Path(entry) / version.command)
        yield from pyenv(version)
        yield from existing(uv_find(version))
    if version.free_threaded:
        yield from existing(Path(finished(version)))


def existing(path: Path) -> Iterator[Path]:
    """Give the path if it is a file this user can see."""
    with contextlib.suppress(PermissionError):
        if path.is_file():
            yield path


def pyenv(version: Version) -> Iterator[Path]:
    """Give what pyenv has installed, whether or not it is active, newest first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    pattern = f"versions/3.{version.minor}[.-]*/bin/{version.command}"
    with contextlib.suppress(PermissionError):
        yield from sorted(root.glob(pattern), reverse=True)


def uv_find(version: Version) -> Path:
    """Path of what uv has installed; an empty path if nothing."""
    uv = installed_uv()
    if not uv:
        return Path()
    command = [str(uv), "python", "find", "--managed-python", "--no-python-downloads"]
    answer = subprocess.run(
        [*command, "--no-project", version.name],
        capture_output=True,
        check=False,
        cwd="/",  # a .python-version file of some project is not for us
        text=True,
    )
    return Path(answer.stdout.strip())


def made(version: Version) -> str:
    """Path of a Python that is installed or built now; empty if neither is possible."""
    if not version.variant:
        path, _ = first_match(existing(uv_install(version)), [version])
        if path:
            return path
    return built(version) if version.free_threaded else ""


def uv_install(version: Version) -> Path:
    """Have uv install it, where its downloads can be reached."""
    say(f"asking uv for {version.name}")
    try:
        uv = fetched_uv()
        subprocess.run(
            [str(uv), "python", "install", "--no-bin", version.name],
            capture_output=True,
            check=True,
            cwd="/",
            env={**os.environ, **UV_LIMITS},
            stdin=subprocess.DEVNULL,
            timeout=UV_INSTALL_SECONDS,
        )
    except (SetupError, subprocess.SubprocessError):
        say("uv has none to offer here")
        return Path()
    return uv_find(version)


def at_hand(name: str) -> tuple[str, Path | None]:
    """Path of the Python called `name` and directory of its headers, as far as they are here."""
    path = present(name, parse(name))
    return path, source_of(Path(path)) if path else None


def for_tests(names: list[str]) -> str:
    """Shell commands that export the interpreters present, and their headers, to tests."""
    exports: dict[str, str] = {}
    for name in names:
        path, headers = at_hand(name)
        if path:
            exports[variable_for(name)] = path
        if headers:
            exports[variable_for(name, "SOURCE")] = str(headers)
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in exports.items())


def main() -> int:
    """Answer the command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "version", nargs="?", help="3.14t, 3.14t-debug, 3.14t-reordered, 3.11, ..., or gil"
    )
    parser.add_argument("--for-tests", action="store_true", help="print shell lines instead")
    arguments = parser.parse_args()
    extra = [arguments.version] if arguments.version else []
    if arguments.for_tests:
        print(for_tests([*FOR_TESTS, *extra]))
        return 0
    if not extra:
        parser.error("which version?")
    print(interpreter(*extra))
    return 0


if __name__ == "__main__":
    with main_guard():
        sys.exit(main())
