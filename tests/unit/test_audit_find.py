"""What an audit finds in modules that say the strangest things, and which files it opens."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from inspector.audit.factories import read_factories
from inspector.audit.module_types import find_type, find_types
from inspector.audit.worker import Worker
from inspector.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path


class _Claim:
    """No type, whatever it says of its class."""

    @property
    def __class__(self) -> type:
        return type

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise AttributeError


class _Meta(type):
    """Answers no question about the types that it makes."""

    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError(name)

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Make a module that names these, without source as a compiled one is."""
    module = ModuleType("strange")
    vars(module)["claim"] = _Claim()
    vars(module)["Silent"] = _Meta("Silent", (), {"__module__": "strange"})
    monkeypatch.setitem(sys.modules, "strange", module)
    return module


def test_an_object_that_claims_to_be_a_type_is_none(strange: ModuleType) -> None:
    assert isinstance(strange.claim, type)
    assert find_type("strange", "claim") == "not a type"
    assert list(find_types({"strange"}).heap) == ["strange.Silent"]


def test_a_metaclass_is_not_asked_about_its_types(
    strange: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)  # this process goes on
    request = {
        "modules": [],
        "single": [["strange", "claim"], ["strange", "Silent"], ["strange", "Silent"]],
        "standard": False,
        "leave_out": [],
    }
    worker = Worker()
    (answer,) = worker.find(request, lambda _: None)
    assert answer["wrong"] == [("strange:claim", "not a type")]
    assert [name for name, _, _ in answer["types"]] == ["strange.Silent"]
    assert worker.types["strange.Silent"][0] is strange.Silent


@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
def test_factories_are_read_from_regular_files_alone(tmp_path: Path, kind: str) -> None:
    """A FIFO that is opened for reading would wait for a writer."""
    path = tmp_path / "factories.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    name = "/dev/zero" if kind == "device" else str(path)
    with pytest.raises(FileError, match="not a regular file"):
        read_factories(name)
