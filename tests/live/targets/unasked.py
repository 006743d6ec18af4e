"""Objects and classes that raise when they are asked what they are: nobody may ask them.

Does one thing after the other with inspector, and prints how many.
"""

from __future__ import annotations

import gc
import json
import sys
import types
from typing import TYPE_CHECKING, Any

import inspector
from inspector import checks
from inspector.audit.module_types import find_types

if TYPE_CHECKING:
    from collections.abc import Callable


class Lazy:
    """A proxy that may not be asked yet what it stands for."""

    @property  # type: ignore[misc]  # mypy knows only the usual one
    def __class__(self) -> type:
        raise RuntimeError("too soon")


class Private(type):
    """A metaclass whose classes answer nothing."""

    def __getattribute__(cls, name: str) -> object:
        """Refuse to answer."""
        raise RuntimeError(name)


class Secret(metaclass=Private):
    """Answers nothing."""


class Text(str):
    """A text that formats itself, and fails at it."""

    __slots__ = ()

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError("no text")


class Held:
    """A class like any other."""


lazy = Lazy()
oddly_named = type("Odd", (), {"__module__": Text("odd")})


def find_in_module_with_proxy() -> None:
    """Look for types in a module that holds the proxy."""
    module = types.ModuleType("with_proxy")
    vars(module)["lazy"] = lazy
    sys.modules["with_proxy"] = module
    find_types({"with_proxy"})
    del sys.modules["with_proxy"]


def count_proxy(count: Callable[[Any], object]) -> None:
    """Ask for the count of the proxy, which is no type."""
    try:
        count(lazy)
    except inspector.NotAType as refusal:
        if "Lazy object is not a type" in str(refusal):
            return
    raise AssertionError


WORK: list[Callable[[], object]] = [
    lambda: inspector.attach().anatomy(Held),
    lambda: inspector.attach().anatomy(Secret),
    lambda: inspector.attach().anatomy(oddly_named),
    lambda: inspector.attach().suspended(),
    lambda: inspector.snapshot()[Secret],
    lambda: count_proxy(inspector.refcount),
    lambda: count_proxy(checks.refcount),
    lambda: checks.assert_no_type_leaks().__enter__(),
    lambda: checks.check_no_leak_per_call(oddly_named, repeat=20),
    find_in_module_with_proxy,
]
for work in WORK:
    gc.collect()
    work()
print(json.dumps(len(WORK)))
