"""Finds types of plugins whose instances only pytest and its plugins keep.

A plugin may keep a record of each use of its fixture, to report on it at the end: the runs
of a benchmark, the snapshots that were compared.  A control run uses no fixture of a test and
does not show this; the referrers of the instances do.
"""

from __future__ import annotations

import gc
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from _pytest.nodes import Node

from inspector.checks.watched_types import find_all_types, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pytest

__all__ = ["find_kept_by_plugins"]

MOST: Final = 300
"""Most objects that are searched for referrers: a search for those of many takes a second."""


def find_kept_by_plugins(
    names: Collection[str], config: pytest.Config, run: Callable[[], object]
) -> set[str]:
    """Run a test once more; return the types whose new instances only plugins keep.

    Considers types that a plugin defines; anything else that a plugin keeps is the test's.
    """
    packages = _packages_of(config)
    types: dict[int, str] = {}
    for subject in find_all_types():
        name = name_of(subject)
        if name in names and name.partition(".")[0] in packages:
            types[id(subject)] = name
    if not types:
        return set()
    before = _list_instances(types)
    old = {id(instance) for instance in before}
    run()
    found: dict[str, list[object]] = {}
    for one in _list_instances(types):
        if id(one) not in old:
            found.setdefault(types[id(type(one))], []).append(one)
    before.clear()
    roots = {id(config), id(config.pluginmanager), id(config.hook)}
    roots.update(id(plugin) for plugin in config.pluginmanager.get_plugins())
    return {name for name, new in found.items() if _are_kept(new, packages, roots, found)}


def _list_instances(types: Collection[int]) -> list[object]:
    """Return the instances that the collector tracks."""
    return [one for one in gc.get_objects() if id(type(one)) in types]


def _packages_of(config: pytest.Config) -> set[str]:
    """Return the packages of the plugins that are installed, and of pytest."""
    found = {"_pytest", "pluggy"}
    for plugin in config.pluginmanager.get_plugins():
        module = plugin if isinstance(plugin, ModuleType) else type(plugin)
        name = module.__name__ if isinstance(module, ModuleType) else module.__module__
        file = Path(getattr(module, "__file__", None) or "")
        if "site-packages" in file.parts or "dist-packages" in file.parts:
            found.add(name.partition(".")[0])
    return found


def _are_kept(
    instances: list[object], packages: Collection[str], roots: Collection[int], ours: object
) -> bool:
    """Whether every way from the instances to who refers to them ends at pytest or a plugin."""
    ended = False
    seen = {id(ours), id(instances)}
    seen.update(id(instance) for instance in instances)
    todo = instances
    while todo and len(seen) < MOST:
        seen.add(id(todo))
        asked = tuple(todo)  # passed on as it is
        found: list[object] = gc.get_referrers(*asked)
        seen.update((id(asked), id(found)))
        todo = []
        for one in found:
            if id(one) in seen or isinstance(one, FrameType):
                continue
            seen.add(id(one))
            if id(one) in roots or isinstance(one, Node):
                ended = True
            elif isinstance(one, (ModuleType, FunctionType, type)):
                if _package_of(one) not in packages:
                    return False
                ended = True
            else:
                todo.append(one)
    return ended and not todo


def _package_of(one: Any) -> str:  # noqa: ANN401 - a module, a function or a class
    name = one.__name__ if isinstance(one, ModuleType) else one.__module__
    return str(name).partition(".")[0]
