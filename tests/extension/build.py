"""Build the extension of this directory for the interpreter that runs this."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["build", "compiler", "load"]

NAME = "typerefs"
SOURCE = Path(__file__).parent / f"{NAME}.c"


def compiler() -> str | None:
    """Return a C compiler, None where there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build(directory: Path) -> Path:
    """Compile into a directory and return the shared object's path."""
    chosen = compiler()
    if chosen is None:
        message = "no C compiler on PATH"
        raise RuntimeError(message)
    target = directory / f"{NAME}{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    command = [chosen, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", f"-I{include}"]
    # A free-threaded build that shares its headers with others is told apart by a macro.
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        command.append("-DPy_GIL_DISABLED=1")
    subprocess.run([*command, str(SOURCE), "-o", str(target)], check=True)
    return target


def load(path: Path) -> ModuleType:
    """Import the shared object and list it in ``sys.modules``."""
    spec = importlib.util.spec_from_file_location(NAME, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    return module
