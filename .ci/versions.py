"""Which Python is asked for (`3.14t`, `3.11`, `gil`, ...), and whether a given one is it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from progress import SetupError
from reordered import MARK

if TYPE_CHECKING:
    from pathlib import Path

OLDEST_GIL_MINOR = 11  # requires-python in pyproject.toml
NEWEST_GIL_MINOR = 15
FREE_THREADED_MINORS = (14, 15)
REORDERED_MINOR = 14  # reordered.py knows the source of this one

# Run inside a candidate: it tells what it is, and fails if it lacks a module the project needs
# (ctypes reads memory; zlib and ssl are what installers and ordinary programs expect).
# The base executable is asked for so that a virtual environment on PATH is seen through.
PROBE = f"""
import json, sys, sysconfig
import ctypes, ssl, zlib
print(json.dumps({{
    "version": list(sys.version_info[:2]),
    "implementation": sys.implementation.name,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": hasattr(sys, "gettotalrefcount"),
    "reordered": {MARK!r} in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
    "executable": getattr(sys, "_base_executable", sys.executable),
}}))
"""


@dataclass(frozen=True)
class Version:
    """One minor version of Python 3, in one build variant; the name is how users ask for it."""

    minor: int
    free_threaded: bool
    debug: bool = False
    reordered: bool = False
    """Its allocator's structures are in another order, see reordered.py."""

    @property
    def name(self) -> str:
        """As written on the command line, `3.14t` say."""
        variant = "-debug" if self.debug else "-reordered" if self.reordered else ""
        return f"3.{self.minor}{'t' * self.free_threaded}{variant}"

    @property
    def variant(self) -> bool:
        """Whether only a build of our own can be it."""
        return self.debug or self.reordered

    @property
    def command(self) -> str:
        """Name of the executable on PATH."""
        return f"python3.{self.minor}{'t' * self.free_threaded}"


def variable_for(name: str, kind: str = "PYTHON") -> str:
    """`3.14t` -> `INSPECTOR_PYTHON_3_14T`."""
    return f"INSPECTOR_{kind}_" + re.sub(r"\W", "_", name).upper()


def parse(name: str) -> list[Version]:
    """Versions that answer to `name`, best first.

    `gil` means the oldest supported one that is installed: what works there works on newer ones,
    while a newer one would hide a use of something the oldest lacks.
    """
    if name == "gil":
        minors = range(OLDEST_GIL_MINOR, NEWEST_GIL_MINOR + 1)
        return [Version(minor, free_threaded=False) for minor in minors]
    match = re.fullmatch(r"3\.(\d+)(t?)(-debug|-reordered)?", name)
    version = match and Version(
        int(match[1]), bool(match[2]), match[3] == "-debug", match[3] == "-reordered"
    )
    known = version and version.free_threaded and version.minor in FREE_THREADED_MINORS
    if version and known and (version.minor == REORDERED_MINOR or not version.reordered):
        return [version]
    with_gil = version and not (version.free_threaded or version.variant)
    if version and with_gil and version.minor >= OLDEST_GIL_MINOR:
        return [version]
    raise SetupError(
        f"no such Python: {name}",
        f"say 3.14t, 3.15t, 3.14t-debug, 3.14t-reordered, gil, or 3.{OLDEST_GIL_MINOR} or newer",
    )


def check(candidate: Path | str, wanted: Version) -> tuple[str, str]:
    """Run `candidate`: (its path, "") when it is the wanted Python, else ("", why it is not)."""
    try:
        answer = subprocess.run(
            [str(candidate), "-I", "-c", PROBE],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=60,
        )
        facts = json.loads(answer.stdout)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        return "", f"it does not run: {lines[-1]}"
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return "", f"it does not run: {error}"
    if facts["implementation"] != "cpython":
        return "", f"it is {facts['implementation']}, not CPython"
    found = Version(facts["version"][1], facts["free_threaded"], facts["debug"], facts["reordered"])
    if found != wanted:
        kind = "free-threaded" if found.free_threaded else "with a GIL"
        return "", f"it is {found.name} ({kind}), not {wanted.name}"
    return facts["executable"], ""
