"""Where uv is: on PATH, or fetched with pip into the user's cache directory.

`python3 .ci/get_uv.py` prints the path of a uv new enough for `uv pip install --group`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from progress import SetupError, main_guard, run_logged

OLDEST_UV = (0, 8)


def cache_directory() -> Path:
    """Return the project's part of the user's cache directory, made if missing."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification tells to ignore a relative path.
    parent = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    directory = parent / "ft-inspector"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def is_recent(uv: Path | str) -> bool:
    """Tell whether `uv` runs and is at least :data:`OLDEST_UV`."""
    try:
        answer = subprocess.run(
            [str(uv), "--version"], capture_output=True, check=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return False
    match = re.search(r"(\d+)\.(\d+)", answer.stdout)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST_UV


def installed_uv() -> Path | None:
    """Find a uv that is already on this machine."""
    on_path = shutil.which("uv")
    places = [Path(on_path)] if on_path else []
    places.append(cache_directory() / "uv" / "bin" / "uv")
    return next((uv for uv in places if is_recent(uv)), None)


def fetched_uv() -> Path:
    """Find a uv, or fetch one with pip.

    `pip install --target` leaves the system's packages alone, which is why a Python marked as
    externally managed (PEP 668, stock Debian) allows it.
    """
    cache = cache_directory()
    with (cache / "uv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        uv = installed_uv()
        if uv:
            return uv
        home, part, log = cache / "uv", cache / "uv.part", cache / "uv.log"
        for leftover in (home, part):
            shutil.rmtree(leftover, ignore_errors=True)
        log.write_bytes(b"")
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        run_logged("fetching uv", [*pip, "--no-deps", "--target", str(part), "uv"], log, cwd=cache)
        part.rename(home)
        uv = installed_uv()
        if not uv:
            raise SetupError(f"pip installed no working uv in {home}", f"see {log}")
        return uv


if __name__ == "__main__":
    with main_guard():
        print(fetched_uv())
