"""Names of objects that are attributes of modules, as ``app.LOCK``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.cpython.text import read_dicts, read_strings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["find_module_attributes"]


def find_module_attributes(
    memory: Memory, published: Published, modules: Mapping[int, str], wanted: Collection[int]
) -> dict[int, str]:
    """Return address -> ``module.attribute`` of those ``wanted`` objects that modules hold.

    ``modules`` are the names of modules by the addresses of their dictionaries.
    """
    dicts = list(modules)
    places: dict[int, tuple[str, int]] = {}
    for number, words, width in read_dicts(memory, published, dicts):
        for place in range(width - 2, len(words) - 1, width):
            if words[place + 1] in wanted:
                places.setdefault(words[place + 1], (modules[dicts[number]], words[place]))
    keys = read_strings(memory, published, [key for _, key in places.values()])
    return {
        address: f"{module}.{key}"
        for (address, (module, _)), key in zip(places.items(), keys, strict=True)
        if key
    }
