"""Discovered offsets against ``offsetof`` in the headers of the same interpreter."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.extension.build import compiler
from tests.support import TARGETS, interpreters, printed_by, python_of, source_of

if TYPE_CHECKING:
    from pathlib import Path

PROBE = r"""
#define Py_BUILD_CORE 1
#include "Python.h"
#include "pycore_interp.h"
#include "pycore_interp_structs.h"
#include "pycore_tstate.h"
#include "pycore_runtime.h"
#include <stddef.h>
#include <stdio.h>
#define SHOW(name, value) printf("%s %zu\n", name, (size_t)(value))
int main(void) {
    SHOW("PyInterpreterState.unique_ids", offsetof(PyInterpreterState, unique_ids));
    SHOW("_PyThreadStateImpl.refcounts", offsetof(_PyThreadStateImpl, refcounts));
    SHOW("_PyThreadStateImpl.c_stack_refs", offsetof(_PyThreadStateImpl, c_stack_refs));
    SHOW("PyHeapTypeObject.unique_id", offsetof(PyHeapTypeObject, unique_id));
    SHOW("PyCodeObject._co_unique_id", offsetof(PyCodeObject, _co_unique_id));
    SHOW("PyDictObject._ma_watcher_tag", offsetof(PyDictObject, _ma_watcher_tag));
    SHOW("ht_qualname", offsetof(PyHeapTypeObject, ht_qualname));
    SHOW("tp_basicsize", offsetof(PyTypeObject, tp_basicsize));
    SHOW("tp_dealloc", offsetof(PyTypeObject, tp_dealloc));
    SHOW("tp_base", offsetof(PyTypeObject, tp_base));
    SHOW("tp_dict", offsetof(PyTypeObject, tp_dict));
    SHOW("tp_mro", offsetof(PyTypeObject, tp_mro));
    SHOW("tp_subclasses", offsetof(PyTypeObject, tp_subclasses));
    SHOW("tp_version_tag", offsetof(PyTypeObject, tp_version_tag));
    SHOW("interpreter_state.size", sizeof(PyInterpreterState));
    SHOW("thread_state.size", sizeof(PyThreadState));
    return 0;
}
"""


def offsets(source: Path, folder: Path) -> dict[str, int]:
    """Compile the probe against a source tree and return what it prints."""
    chosen = compiler()
    if chosen is None:
        pytest.skip("no C compiler on PATH")
    (folder / "probe.c").write_text(PROBE)
    include = [f"-I{source}", f"-I{source / 'Include'}", f"-I{source / 'Include' / 'internal'}"]
    subprocess.run(
        [chosen, "-o", str(folder / "probe"), str(folder / "probe.c"), *include],
        check=True,
        capture_output=True,
        text=True,
    )
    printed = subprocess.run(
        [str(folder / "probe")], check=True, capture_output=True, text=True
    ).stdout
    return {name: int(value) for name, value in (line.split() for line in printed.splitlines())}


@pytest.mark.parametrize("version", interpreters(alone=True))
def test_discovery_agrees_with_offsetof(version: str, tmp_path: Path) -> None:
    source = source_of(version)
    if source is None:
        pytest.skip("the interpreter's headers are not at hand")
    expected = offsets(source, tmp_path)
    found = printed_by(python_of(version), TARGETS / "layout.py")
    published = found["published"]
    seen = {
        **found["evidence"],
        **found["tp_fields"],
        "ht_qualname": found["ht_qualname"],
        "interpreter_state.size": published["interpreter_state.size"],
        "thread_state.size": published["thread_state.size"],
    }
    assert {name: seen[name] for name in expected} == expected
