"""What the checks say about kiwisolver: every instance leaks a reference to its type.

    pip install ft-inspector pytest kiwisolver
    pytest examples/checks                      # the leaks are expected: all pass
    pytest examples/checks --runxfail           # shows them

See README.md for what was found, with versions.
"""

from __future__ import annotations

import pytest

kiwisolver = pytest.importorskip("kiwisolver")

pytestmark = [
    # With `strict`, the version that mends it fails here, and the mark can go.
    pytest.mark.xfail(reason="its tp_dealloc does not call Py_DECREF(type)", strict=True),
    pytest.mark.no_type_leaks(types="kiwisolver.*"),
]


def test_a_variable() -> None:
    kiwisolver.Variable("width")


def test_a_solver() -> None:
    kiwisolver.Solver()


def test_a_constraint() -> None:
    width = kiwisolver.Variable("width")
    solver = kiwisolver.Solver()
    solver.addConstraint(2 * width + 10 >= 100)
    solver.updateVariables()
