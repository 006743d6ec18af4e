"""Names of types that somebody gave factories for, and no target has."""

from __future__ import annotations

import sys
from difflib import SequenceMatcher
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from inspector.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Collection

    from inspector.audit.supervisor import AuditPlan

__all__ = ["refuse_unknown"]

ALIKE: Final = 0.75
"""From which likeness on one name may be meant for another (``difflib``)."""


def refuse_unknown(plan: AuditPlan, known: Collection[str]) -> None:
    """Raise :class:`UnknownName` for a factory that a user gave in vain.

    A file may hold factories for other modules than those that are audited just now.
    Without targets a name is a label.
    """
    if not (plan.targets or plan.standard):
        return
    for name in plan.given:
        if name in known:
            continue
        nearest = _find_nearest(name, known)
        if _is_within(plan, name) or (nearest and not _is_importable(name)):
            hint = "`inspector audit MODULE` lists the types of a module"
            raise UnknownName(
                f"a factory is given for {name}, which is not a type of the targets",
                expression=plan.factories.make[name],
                hint=f"did you mean {nearest}?" if nearest else hint,
            )


def _is_within(plan: AuditPlan, name: str) -> bool:
    """Whether a name is below a module that is audited as a whole."""
    if plan.standard and name.partition(".")[0] in sys.stdlib_module_names:
        return True
    for target in plan.targets:
        if name.startswith(f"{target}."):
            return True
    return False


def _is_importable(name: str) -> bool:
    """Whether the package of a name is there at all."""
    try:
        return find_spec(name.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _find_nearest(name: str, known: Collection[str]) -> str:
    """Return the known name that is most like another, empty where none is."""
    likeness = {}
    for candidate in sorted(known):
        likeness[candidate] = SequenceMatcher(None, name, candidate).ratio()
    nearest = max(likeness, key=likeness.__getitem__, default="")
    return nearest if likeness.get(nearest, 0) >= ALIKE else ""
