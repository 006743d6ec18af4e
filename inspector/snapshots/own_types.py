"""Types of the own process, examined without running code of theirs or their metaclass."""

from __future__ import annotations

from typing import TypeGuard

__all__ = ["is_type", "name_of"]

_module_of = type.__dict__["__module__"].__get__

_qualname_of = type.__dict__["__qualname__"].__get__


def is_type(subject: object) -> TypeGuard[type]:
    """Whether an object is a type, whatever its ``__class__`` claims."""
    return issubclass(type(subject), type)


def name_of(subject: type) -> str:
    """Return ``module.qualname``; the qualified name alone if the module is not a string."""
    try:
        module: object = _module_of(subject)
    except AttributeError:
        module = None
    qualname = str(_qualname_of(subject))
    # A class of texts may have a formatting of its own.
    return f"{str.__str__(module)}.{qualname}" if issubclass(type(module), str) else qualname
