"""The wheel, built from what git knows and installed in fresh environments: `make wheel`.

It fetches what the wheel depends on, as any installation does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path  # noqa: TC003 - a named tuple looks at it
from typing import NamedTuple

import pytest

from tests.live.puppets import Puppet
from tests.support import GIL_VARIABLE, ROOT, VARIABLES, bare_environment

pytestmark = pytest.mark.skipif("INSPECTOR_WHEEL" not in os.environ, reason="make wheel")

READERS = {"gil": GIL_VARIABLE, "3.14t": VARIABLES["3.14t"], "3.15t": VARIABLES["3.15t"]}


def out(*words: object, **variables: str) -> str:
    """Run a command to its end, away from the source, and return what it printed."""
    done = subprocess.run(
        list(map(str, words)),
        env={**bare_environment(), **variables},
        cwd=ROOT.anchor,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked() -> list[str]:
    return out("git", "-C", ROOT, "ls-files", "-z").rstrip("\0").split("\0")


@pytest.fixture(scope="module")
def uv() -> str:
    return out(sys.executable, ROOT / ".ci" / "get_uv.py").strip()


@pytest.fixture(scope="module")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of a copy without anything that is not in the repository."""
    tree = tmp_path_factory.mktemp("tree")
    for name in tracked():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    out(uv, "build", "--quiet", "--wheel", "--out-dir", tree / "dist", tree)
    (path,) = (tree / "dist").glob("*.whl")
    return path


class Installed(NamedTuple):
    """A fresh environment with the wheel in it."""

    uv: str
    folder: Path

    def run(self, *words: object, **variables: str) -> str:
        return out(self.folder / "bin" / "inspector", *words, **variables)

    def python(self, *words: object) -> str:
        return out(self.folder / "bin" / "python", *words)

    def add(self, *packages: object) -> None:
        python = self.folder / "bin" / "python"
        out(self.uv, "pip", "install", "--quiet", "--python", python, *packages)


@pytest.fixture(scope="module", params=READERS)
def installed(
    request: pytest.FixtureRequest, uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    if READERS[request.param] not in os.environ:
        pytest.skip(f"{READERS[request.param]} is not set")
    made = Installed(uv, tmp_path_factory.mktemp("venv"))
    python = os.environ[READERS[request.param]]
    out(uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, made.folder)
    made.add(wheel)
    return made


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    of_package = {name for name in tracked() if name.startswith("inspector/")}
    assert {name for name in names if ".dist-info/" not in name} == of_package
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_commands_read_another_process(installed: Installed) -> None:
    version = installed.run("--version")
    assert installed.python("-m", "inspector", "--version") == version
    with Puppet(os.environ[VARIABLES["3.14t"]]) as target:
        target.ask("make", 1000)
        listed = json.loads(installed.run("ps", "--json"))
        assert target.pid in [each["pid"] for each in listed["processes"]]
        found = json.loads(installed.run("dump", target.pid, "--json"))["objects"]
        (shared,) = [each for each in found if each["name"] == "__main__.Shared"]
        assert shared["contributions"] == {str(target.pid): 1000}
        assert f"yes: process {target.pid} can be read" in installed.run("doctor", target.pid)


def test_the_shell_completes_verbs_options_and_values(installed: Installed) -> None:
    def completed(*words: str) -> list[str]:
        count = str(len(words) - 1)
        request = {"_INSPECTOR_COMPLETE": "complete_bash", "COMP_CWORD": count}
        return installed.run(**request, COMP_WORDS=" ".join(words)).split()

    # The shell is the one that it is started from.
    command = installed.folder / "bin" / "inspector"
    script = out("bash", "-c", '"$0" --show-completion; exit', command)
    assert "_INSPECTOR_COMPLETE=complete_bash" in script
    assert completed("inspector", "at") == ["attach"]
    assert completed("inspector", "attach", "--dur") == ["--duration"]
    assert completed("inspector", "dump", "--kind", "c") == ["code"]


def test_pytest_finds_the_plugin_and_the_plugin_a_leak(
    installed: Installed, tmp_path: Path
) -> None:
    installed.add("pytest")
    module = tmp_path / "test_it.py"
    module.write_text(
        "import pytest\nclass Order: pass\nkept = []\n"
        "@pytest.mark.no_type_leaks\ndef test_leak(): kept.append(Order())\n"
        "@pytest.mark.no_type_leaks\ndef test_clean(): Order()\n"
    )
    done = subprocess.run(
        [installed.folder / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", module],
        env=bare_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "test_it.Order: +1 reference per run" in done.stdout


@pytest.mark.skipif(READERS["gil"] not in os.environ, reason="no Python with a GIL is set")
def test_pipx_installs_the_command(uv: str, wheel: Path, tmp_path: Path) -> None:
    private = Installed(uv, tmp_path / "private")
    gil = os.environ[READERS["gil"]]
    out(uv, "venv", "--quiet", "--no-project", "--python", gil, private.folder)
    private.add("pipx")
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    out(private.folder / "bin" / "pipx", "install", wheel, **places)
    assert out(tmp_path / "bin" / "inspector", "--version").startswith("inspector ")
