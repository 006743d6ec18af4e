"""Lists the extension modules that asked for the GIL when they were imported.

Source: ``PyModuleObject`` (Include/internal/pycore_moduleobject.h).  3.14 keeps ``md_def`` and
``md_gil``, which is NULL for ``Py_MOD_GIL_USED``; 3.15 keeps ``md_requires_gil`` and
``md_token``.  Modules of Python code have no definition and no token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.text import read_dicts, read_strings
from inspector.cpython.words import word_at

if TYPE_CHECKING:
    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["list_gil_users"]


class _ModuleFields(NamedTuple):
    """Offsets in a ``PyModuleObject``, behind its header of 32 bytes."""

    definition: int
    """``md_def``, or ``md_token``."""
    gil: int
    size: int


_FIELDS: Final = {(3, 14): _ModuleFields(40, 72, 80), (3, 15): _ModuleFields(104, 65, 112)}


def list_gil_users(memory: Memory, published: Published, interpreter: int) -> list[str]:
    """Return the names of the modules in ``sys.modules`` that ask for the GIL, in order.

    Empty for a version whose module structure is unknown.
    """
    fields = _FIELDS.get(published.minor)
    if fields is None:
        return []
    at = interpreter + published["interpreter_state.imports_modules"]
    modules = word_at(memory.read(at, 8), 0)
    keys, values = [], []
    for _, words, width in read_dicts(memory, published, [modules]):
        for place in range(width - 2, len(words) - 1, width):
            if words[place] and words[place + 1]:
                keys.append(words[place])
                values.append(words[place + 1])
    pieces = memory.read_many([(value, fields.size) for value in values])
    found = []
    for key, module in zip(keys, pieces, strict=True):
        if module is None or not word_at(module, fields.definition):
            continue
        wants = module[fields.gil] if fields.gil % 8 else not word_at(module, fields.gil)
        if wants:
            found.append(key)
    return [name for name in read_strings(memory, published, found) if name]
