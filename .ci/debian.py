"""What Debian's archive provides: CPython's source, and the packages its build needs.

No address of a mirror is written here: apt's own configuration tells which one to use, and apt's
own downloader, where there is one, honours the proxies and credentials configured for it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from progress import SetupError, run_logged, say

APT_HELPER = Path("/usr/lib/apt/apt-helper")
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
)
# Where a Python newer than this machine's release is found, most likely first.
SUITES = ("sid", "experimental", "testing", "stable")


@dataclass(frozen=True)
class Source:
    """A source package, and the one file of it that is known to work."""

    package: str
    path: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Last part of the path below the mirror's address."""
        return self.path.rpartition("/")[2]


SOURCES = {
    14: Source(
        "python3.14",
        "pool/main/p/python3.14/python3.14_3.14.7.orig.tar.xz",
        "3b48dac8fb59f62eaa67ac83c1eb12bda1b7a08406dd286e252c11a66be27f81",
    ),
    15: Source(
        "python3.15",
        "pool/main/p/python3.15/python3.15_3.15.0~rc2.orig.tar.xz",
        "8d93af5eaaaea5adfd41bd786a7ba3f03f2ad1ab57c6a65e0b963deab91d5ad7",
    ),
}

# What the build must find, and what makes its standard library complete: package -> header,
# library. Without the first group ctypes, zlib or ssl would be missing, and with them the project.
REQUIRED = {
    "libffi-dev": ("ffi.h", "ffi"),
    "zlib1g-dev": ("zlib.h", "z"),
    "libssl-dev": ("openssl/ssl.h", "ssl"),
}
WELCOME = ("libbz2-dev", "liblzma-dev", "libsqlite3-dev", "libreadline-dev")


def fetch_source(source: Source, directory: Path, log: Path) -> Path:
    """Download the source archive into `directory`: the known one, else Debian's current one."""
    addresses = mirrors()
    for mirror in addresses:
        archive = directory / source.file_name
        try:
            download(mirror + source.path, archive, log)
        except SetupError:
            continue
        verify(archive, source.sha256)
        return archive
    say(f"no mirror gave {source.file_name}; asking for the current {source.package}")
    for suite in SUITES:
        for mirror in addresses:
            current = current_source(source.package, suite, mirror, directory, log)
            if current:
                say(f"using {current.name} from Debian {suite}, as signed by Debian")
                return current
    raise SetupError(
        f"could not download the source of {source.package}",
        f"is this machine on line? What apt said is in {log}",
    )


def mirrors() -> list[str]:
    """Addresses of the Debian mirrors apt uses, each ending in a slash.

    `indextargets` knows which ones are Debian's, but only once `apt-get update` has run; what an
    update would fetch is known from the start. Those with security updates hold nothing else.
    """
    indexes = apt_get("indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)")
    found = re.findall(r"^Debian Debian (\S+)$", indexes, re.MULTILINE)
    planned = apt_get("update", "--print-uris")
    found += re.findall(r"^'(\S+?/)dists/(?![^/]*-security/)", planned, re.MULTILINE)
    if not found:
        raise SetupError(
            "apt's configuration names no Debian mirror to download CPython's source from",
            "install a free-threaded Python yourself and name it in INSPECTOR_PYTHON_3_14T "
            "and INSPECTOR_PYTHON_3_15T",
        )
    return list(dict.fromkeys(found))


def apt_get(*arguments: str) -> str:
    """Answer of a read-only apt-get command; empty where there is no apt-get."""
    if not shutil.which("apt-get"):
        return ""
    command = ["apt-get", *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


def download(address: str, target: Path, log: Path) -> None:
    """Download one file, with apt's downloader where there is one."""
    name = f"downloading {target.name}"
    if APT_HELPER.exists():
        # The sandbox user could not write to a private directory.
        options = ["-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=30"]
        command = [str(APT_HELPER), *options, "download-file", address, str(target)]
        run_logged(name, command, log, cwd=target.parent)
        return
    if not address.startswith(("http://", "https://")):
        raise SetupError(f"{address} needs apt's own downloader", "install apt")
    say(name)
    try:
        answer = urllib.request.urlopen(address, timeout=30)  # noqa: S310 (http: see above)
        with answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise SetupError(f"{address}: {error}", "is this machine on line?") from error


def verify(archive: Path, expected: str) -> None:
    """Compare the archive's SHA256 with the expected one; remove the archive if it differs."""
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != expected:
        archive.unlink()
        raise SetupError(
            f"{archive.name} has SHA256 {digest.hexdigest()}, expected {expected}",
            "the download was damaged or tampered with; it was removed: try again, "
            "and tell the mirror's maintainers if it happens again",
        )


def current_source(
    package: str, suite: str, mirror: str, directory: Path, log: Path
) -> Path | None:
    """Download the suite's current source archive of `package`; None if it has none.

    apt verifies signature and hash. It works on a state of its own inside `directory`: the
    system's sources, package lists and caches are neither used nor changed.
    """
    state = Path(tempfile.mkdtemp(prefix="apt-", dir=directory))
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    keyring = next((f"[signed-by={path}] " for path in KEYRINGS if path.exists()), "")
    sources = state / "sources.list"
    sources.write_text(f"deb-src {keyring}{mirror} {suite} main\n", encoding="ascii")
    settings = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": "-",
        "Dir::State": str(state),
        "Dir::State::lists": str(state / "lists"),
        "Dir::Cache": str(state / "cache"),
        "APT::Sandbox::User": "root",
        "APT::Get::List-Cleanup": "false",
        "Acquire::http::Timeout": "30",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    get = ["apt-get", *options]
    try:
        run_logged(f"reading the list of sources in {suite}", [*get, "update"], log, cwd=state)
        download_only = [*get, "source", "--download-only", "--tar-only", package]
        run_logged(f"downloading the source of {package}", download_only, log, cwd=state)
    except SetupError:
        return None
    return next(state.glob(f"{package}_*.orig.tar.*"), None)


def ensure_build_packages(scratch: Path, log: Path) -> None:
    """Have what the build needs: install it where this script may, else name it.

    It may as root, unless INSPECTOR_APT=0.
    """
    missing = missing_packages(scratch)
    if not missing:
        return
    may_install = os.geteuid() == 0 and os.environ.get("INSPECTOR_APT") != "0"
    if may_install and shutil.which("apt-get"):
        say(f"installing {' '.join(missing)} and, for a complete library, {' '.join(WELCOME)}")
        # A lock held by another apt is waited for; questions would have nobody to answer them.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
        run_logged("apt-get update", [*command, "update"], log, cwd=scratch, env=environment)
        command += ["install", "-y", "--no-install-recommends", *missing, *WELCOME]
        run_logged("apt-get install", command, log, cwd=scratch, env=environment)
        missing = missing_packages(scratch)
    if missing:
        raise SetupError(
            f"building CPython needs packages that are missing: {' '.join(missing)}",
            f"sudo apt-get install {' '.join(missing)}    "
            f"(and for a complete standard library: {' '.join(WELCOME)})",
        )


def missing_packages(scratch: Path) -> list[str]:
    """Name the required packages that are missing, judged by compiling and linking."""
    missing = [tool for tool in ("gcc", "make") if not shutil.which(tool)]
    if not shutil.which("xz"):
        missing.append("xz-utils")
    if "gcc" in missing or not links(scratch, "stdio.h", "c"):
        # No library can be tried without a compiler and its C library.
        return [*missing, "libc6-dev", *REQUIRED]
    return missing + [name for name, needs in REQUIRED.items() if not links(scratch, *needs)]


def links(scratch: Path, header: str, library: str) -> bool:
    """Tell whether a program that includes `header` links with `library`."""
    program = f"#include <{header}>\nint main(void) {{ return 0; }}\n"
    command = ["gcc", "-xc", "-", "-o", str(scratch / "probe"), f"-l{library}"]
    result = subprocess.run(
        command, input=program, capture_output=True, check=False, cwd=scratch, text=True
    )
    return result.returncode == 0
