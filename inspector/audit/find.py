"""The heap types that belong to modules; runs in the process that imports them.

Knows: a type is found by walking from ``object`` to its subclasses, whether a module
names it or not.  It belongs to a module by its ``__module__``, or because an
extension module names it: those may say that their types are elsewhere, as
``_decimal`` does.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, Final

from inspector.checks.subjects import all_types, is_counted, is_own, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from types import ModuleType

__all__ = ["import_all", "of_python", "said", "standard_modules", "type_at", "types_of"]

SUFFIXES: Final = (".py", ".pyc")

NEVER: Final = frozenset({"__main__", "test", "tests", "testing", "conftest"})
"""Parts of names of submodules that run something, or are about something else."""

MADE_BY_PYTHON: Final = frozenset({"__firstlineno__", "_field_defaults", "_member_map_"})
"""Names that stand in classes of Python code, and in no others."""

_dict_of: Callable[[type], Mapping[str, object]] = type.__dict__["__dict__"].__get__


def standard_modules() -> list[str]:
    """Return the names of the standard library's modules, its tests left out."""
    return sorted(sys.stdlib_module_names - NEVER)


def import_all(
    names: Iterable[str], leave_out: Collection[str], tell: Callable[[str], None]
) -> dict[str, str]:
    """Import modules, and what is below those that are packages; return why some failed.

    ``tell`` hears each name before its import, which may end the process.
    """
    failed: dict[str, str] = {}
    for name in names:
        for each in _with_submodules(name):
            if each in leave_out:
                continue
            tell(each)
            try:
                importlib.import_module(each)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a module may raise SystemExit too
                failed[each] = said(error)
    return failed


def said(error: BaseException) -> str:
    """Return an error on one line."""
    try:
        text = " ".join(str(error).split())
        if isinstance(error, ImportError) and error.path:
            text = text.removesuffix(f" ({error.path})")  # nobody else has it there
    except Exception:  # noqa: BLE001 - whoever audited this wrote its __str__
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _with_submodules(name: str) -> Iterator[str]:
    """Yield a module's name and, once it is imported, those below it."""
    yield name
    module = sys.modules.get(name)
    for each in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        if each.name.rpartition(".")[2] not in NEVER:
            yield from _with_submodules(each.name)


def types_of(names: Collection[str]) -> tuple[dict[str, list[type]], int]:
    """Return ``module.qualname`` -> the heap types of modules, and how many static ones there are.

    Several types may have one name.
    """
    extensions = [
        module
        for path, module in list(sys.modules.items())
        if _is_below(path, names) and not _has_source(module)
    ]
    named = {
        id(value)
        for module in extensions
        for value in list(getattr(module, "__dict__", {}).values())
        if isinstance(value, type) and not of_python(value)
    }
    heap: dict[str, list[type]] = {}
    static = 0
    for each in all_types():
        module = name_of(each).removesuffix(each.__qualname__).rstrip(".")
        if is_own(each) or not (id(each) in named or _is_below(module, names)):
            continue
        if is_counted(each):
            heap.setdefault(name_of(each), []).append(each)
        else:
            static += 1
    return dict(sorted(heap.items())), static


def type_at(module: str, qualname: str) -> type | str:
    """Import a module and return the heap type that it names, or says to be its own.

    Returns ``missing``, ``not a type`` or ``static`` where there is none.
    """
    found: object = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        # As _csv.reader: the module's function of that name makes instances of the type.
        same = [each for each in all_types() if name_of(each) == f"{module}.{qualname}"]
        if not same:
            return "missing" if found is None else "not a type"
        found = same[0]
    return found if is_counted(found) else "static"


def of_python(subject: type) -> bool:
    """Whether Python code made the type, as far as its own names tell.

    A class statement notes its line since Python 3.13; named tuples and enumerations
    are made by calls, as types of the C API are.
    """
    return not MADE_BY_PYTHON.isdisjoint(_dict_of(subject))


def _is_below(path: str, names: Collection[str]) -> bool:
    """Whether a module is one of these, or in one of them."""
    parts = path.split(".")
    return any(".".join(parts[:length]) in names for length in range(1, len(parts) + 1))


def _has_source(module: ModuleType) -> bool:
    """Whether a module is written in Python, as far as it tells."""
    spec = getattr(module, "__spec__", None)  # whatever stands in sys.modules
    origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
    return isinstance(origin, str) and (origin == "frozen" or origin.endswith(SUFFIXES))
