"""Classes, code and modules with every name that Python allows, and what they are called.

Prints the names as ``type.__module__`` and ``__qualname__`` give them, by the class's address.
"""

import json
import sys
import types

NAMES = [
    "",
    ".",
    "a.b",
    "trail.",
    ".lead",
    "?",
    "new\nline",
    "snow\u2603man",
    "\U0001f40d",
    "two words",
]
NAMES += ["<locals>", "x" * 3000, "tab\t", "builtins.int", "1", "class", "e\u0301", "\u202eright"]


class Text(str):
    """A string whose characters are elsewhere."""

    __slots__ = ()


class Meta(type):
    """Classes whose method resolution order begins with another class."""

    def mro(cls) -> list[type]:
        return [Before, *super().mro()]

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        return "a lie"


class Before:
    """The other class."""


def named(name: str, module: object = "mod") -> type:
    return type(name, (), {"__module__": module})


kept: list[object] = [named(name) for name in NAMES]
enormous = named("y" * 1_000_000, "z" * 1_000_000)
kept += [named("Plain", module) for module in ("", "trail.", "with\nline", "m.o.d", "\u2603")]
kept += [named("NoModule", module) for module in (None, 7, ["list"], property())]
kept += [named("", None)]
kept.append(Meta("Odd", (), {}))

renamed = named("Before")
renamed.__qualname__ = "quali\0fied.\ud800"
renamed.__name__ = "Renamed"
kept.append(renamed)

subclassed = named("Subclassed", Text("sub.\u2603.module"))
subclassed.__qualname__ = Text("Sub.classed")
kept.append(subclassed)

spelled = type("Spelled", (), {f"__mod{chr(117)}le__": "anew"})
kept.append(spelled)


def function() -> None:
    """Give its code other names."""


for name in ["", "\n", "\u2603", "x" * 5000, "no dot"] * 2000:
    kept.append(function.__code__.replace(co_name=name, co_qualname="", co_filename=name))
module_names = ["", "with.dot", "\n", "\u2603"]
for name in module_names * 100:
    module = types.ModuleType(name)
    if not name:
        del module.__name__
    kept.append(module)


def said(subject: type) -> str:
    """Return what CPython itself tells."""
    module = type.__dict__["__module__"].__get__(subject)
    qualname = str(type.__dict__["__qualname__"].__get__(subject))
    return f"{module}.{qualname}" if isinstance(module, str) else qualname


answer = {str(id(each)): said(each) for each in kept if isinstance(each, type)}
print(json.dumps(answer), flush=True)
sys.stdin.readline()
