"""The heap types that belong to modules, found in the process that imports them.

Types are found by walking from ``object`` to all subclasses, whether a module names them
or not.  A type belongs to the module in its ``__module__``, and to an extension module that
names it: extension modules may give their types another ``__module__``, as ``_decimal`` does.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.checks.structure import TP_NAME
from inspector.checks.watched_types import find_all_types, is_heap, is_own, is_type, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from types import ModuleType

__all__ = [
    "Found",
    "describe_error",
    "find_name",
    "find_type",
    "find_types",
    "import_modules",
    "is_made_by_python",
    "list_standard_modules",
]

SUFFIXES: Final = (".py", ".pyc")

LONGEST_REASON: Final = 10_000
"""Characters of an error's text that are kept."""

NEVER: Final = frozenset({"__main__", "test", "tests", "testing", "conftest"})
"""Parts of names of submodules that run something, or are about something else."""

MADE_BY_PYTHON: Final = frozenset({"__firstlineno__", "_field_defaults", "_member_map_"})
"""Names that stand in classes of Python code, and in no others."""

_dict_of: Callable[[type], Mapping[str, object]] = type.__dict__["__dict__"].__get__
_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__


def list_standard_modules() -> list[str]:
    """Return the names of the standard library's modules, its tests left out."""
    return sorted(sys.stdlib_module_names - NEVER)


def import_modules(
    names: Iterable[str], leave_out: Collection[str], tell: Callable[[str], None]
) -> dict[str, str]:
    """Import modules, and what is below those that are packages; return why some failed.

    ``tell`` hears each name before its import, which may end the process.
    """
    failed: dict[str, str] = {}
    for name in names:
        for path in _with_submodules(name):
            if path in leave_out:
                continue
            tell(path)
            try:
                importlib.import_module(path)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                failed[path] = describe_error(error)
    return failed


def describe_error(error: BaseException) -> str:
    """Return the type and text of an error on one line; never raises."""
    try:
        text = " ".join(str(error)[:LONGEST_REASON].split())
        if isinstance(error, ImportError) and error.path:
            text = text.removesuffix(f" ({error.path})")  # nobody else has it there
    except BaseException:  # the error's own code may raise anything
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _with_submodules(name: str) -> Iterator[str]:
    """Yield a module's name and, once it is imported, those below it."""
    yield name
    module = sys.modules.get(name)
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        if found.name.rpartition(".")[2] not in NEVER:
            yield from _with_submodules(found.name)


class Found(NamedTuple):
    """The types that belong to some modules."""

    heap: dict[str, list[type]]
    """``module.qualname`` -> heap types; several may have one name."""
    foreign: dict[str, str]
    """``module.qualname`` of a heap type that a compiled module only imports -> whose it is."""
    static: int
    """How many types are static."""


def find_types(names: Collection[str]) -> Found:
    """Return the types of modules, and of what is below them."""
    gc.collect()  # classes that nobody holds any more are of no module
    modules = list(sys.modules.items())
    compiled = []
    for path, module in modules:
        if _is_below(path, names) and not _has_source(module):
            compiled.append(module)
    named = _find_named_types(compiled)
    shared = _find_shared_by_cython(compiled)
    paths = {id(module): path for path, module in modules}
    heap: dict[str, list[type]] = {}
    foreign: dict[str, str] = {}
    static = 0
    for subject in find_all_types():
        name = find_name(subject)
        home = name.removesuffix(_qualname_of(subject)).rstrip(".")
        its_own = _is_below(home, names) or home in shared
        if is_own(subject) or not (its_own or id(subject) in named):
            continue
        if not is_heap(subject):
            static += 1
        elif its_own or not (maker := _find_maker(subject, home, names, paths)):
            heap.setdefault(name, []).append(subject)
        else:
            foreign[name] = maker
    return Found(dict(sorted(heap.items())), dict(sorted(foreign.items())), static)


def find_name(subject: type) -> str:
    """Return ``module.qualname``, also of a type whose instances have a ``__module__``.

    Its own is hidden by theirs then, as that of Cython's functions is: its ``tp_name`` has it.
    """
    name = name_of(subject)
    if "." in name or not is_heap(subject):
        return name
    full = ctypes.c_char_p.from_address(id(subject) + TP_NAME).value or b""
    return full.decode(errors="replace") if full.endswith(f".{name}".encode()) else name


def _find_maker(
    subject: type, module: str, names: Collection[str], paths: Mapping[int, str]
) -> str:
    """Return the module, none of ``names``, that made a type which one of these names.

    A type of the C API may know its module (``PyType_FromModuleAndSpec``).  Of others the
    compiled module that they name is the maker; a module written in Python only shows them.
    """
    get_module = ctypes.pythonapi.PyType_GetModule
    get_module.argtypes, get_module.restype = [ctypes.py_object], ctypes.c_void_p
    try:
        maker = paths.get(get_module(subject), "")
    except TypeError:
        there = sys.modules.get(module)
        maker = module if there is not None and not _has_source(there) else ""
    return "" if _is_below(maker, names) else maker


def _find_named_types(modules: Iterable[ModuleType]) -> set[int]:
    """Return the addresses of the types written in C that modules name."""
    named: set[int] = set()
    for module in modules:
        for value in list(getattr(module, "__dict__", {}).values()):
            if is_type(value) and not is_made_by_python(value):
                named.add(id(value))
    return named


def _find_shared_by_cython(compiled: Iterable[ModuleType]) -> set[str]:
    """Return the modules of types that Cython shares among all that one version of it made.

    No import finds them by name; each is named in the code of those who use it.
    """
    shared = {path for path in sys.modules if path.startswith("_cython_")}
    if not shared:
        return shared
    used: set[str] = set()
    for module in compiled:
        try:
            code = Path(module.__file__ or "").read_bytes()
        except (AttributeError, OSError, TypeError, ValueError):
            continue  # built in, or whatever stands in sys.modules
        for path in shared:
            if path.encode() in code:
                used.add(path)
    return used


def find_type(module: str, qualname: str) -> type | str:
    """Import a module and return the heap type that it names, or says to be its own.

    Returns ``missing``, ``not a type`` or ``static`` where there is none.
    """
    found: object = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not is_type(found):
        # As _csv.reader: the module's function of that name makes instances of the type.
        for subject in find_all_types():
            if name_of(subject) == f"{module}.{qualname}":
                return subject if is_heap(subject) else "static"
        return "missing" if found is None else "not a type"
    return found if is_heap(found) else "static"


def is_made_by_python(subject: type) -> bool:
    """Whether Python code made the type, as far as its own names tell.

    A class statement notes its line since Python 3.13; named tuples and enumerations
    are made by calls, as types of the C API are.
    """
    return not MADE_BY_PYTHON.isdisjoint(_dict_of(subject))


def _is_below(path: str, names: Collection[str]) -> bool:
    """Whether a module is one of these, or in one of them."""
    while path:
        if path in names:
            return True
        path = path.rpartition(".")[0]
    return False


def _has_source(module: ModuleType) -> bool:
    """Whether a module is written in Python, as far as it tells."""
    spec = getattr(module, "__spec__", None)  # whatever stands in sys.modules
    origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
    return isinstance(origin, str) and (origin == "frozen" or origin.endswith(SUFFIXES))
