"""Who holds objects: counted paths from a root to them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

__all__ = ["Accounting", "HeldBy", "Holder", "Holders", "Referrer"]

SCHEMA: Final = 1
"""Of the JSON document here."""


class Referrer(NamedTuple):
    """An object, or a place outside of the heap, in which a reference is."""

    address: int
    """Of the object; of the word itself for a root."""
    step: str
    """How the object leads to what it holds, as ``[str]``, ``.name`` or ``[*]``: the same for
    all elements of a container."""
    exact: str
    """Likewise, with the index or the key."""
    type: str
    """Name of the object's type, or what the root is."""
    root: str
    """The name of a root, as ``app``; empty for an object that something else holds."""


class Holder(NamedTuple):
    """One way in which objects are held."""

    path: str
    """From the root on, as ``app.cache[str].items[3]``."""
    type: str
    """Of the object at the end of the path, which holds the others itself."""
    objects: int
    """How many of the objects are held this way."""


class Holders(NamedTuple):
    """Who holds one object, or all instances of a type."""

    target: dict[str, Any]
    subject: str
    """The name of the type, or the address of the object and its type."""
    objects: int
    """Of how many objects the holders were looked for."""
    exact: bool
    """The process stood still meanwhile."""
    pause_ns: int | None
    holders: tuple[Holder, ...]
    """The most objects first."""
    unheld: int
    """Objects that no path from a root was found to."""
    bytes: int
    """Of the objects' own blocks."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that ``holders --json`` prints."""
        return {
            "schema": SCHEMA,
            **self._asdict(),
            "holders": [holder._asdict() for holder in self.holders],
        }


class HeldBy(NamedTuple):
    """References to a type that holders of one kind have."""

    by: str
    """``instances``, the name of the holders' type, or what is no object, as ``frame``."""
    references: int


class Accounting(NamedTuple):
    """Who holds the references to a type."""

    total: int
    """References that are counted: without uncounted ones on stacks."""
    held: tuple[HeldBy, ...]
    """Words of memory that lead to the type; some may be left from before."""
    pause_ns: int | None
    """For how long the process stood still; None if it ran on."""

    @property
    def difference(self) -> int:
        """References that no aligned word holds; less than 0 for words that hold nothing."""
        return self.total - sum(each.references for each in self.held)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "total": self.total,
            "held": [each._asdict() for each in self.held],
            "difference": self.difference,
            "pause_ns": self.pause_ns,
        }
