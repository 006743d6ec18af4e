"""The references to one object, as one reading saw them; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "ObjectCount", "ObjectKey"]

KINDS: Final = ("type", "code", "dict", "static")
"""What CPython gives a unique id to (Python/uniqueid.c, 3.14), and static types."""


ObjectKey = tuple[int, int, str]
"""Interpreter id, address and name: a dead object's address may be reused."""


class ObjectCount(NamedTuple):
    """The references to one object, as the words of one reading say.

    ``counted`` is ``local + shared - bias + sum(contributions)``; ``total`` adds
    ``deferred`` where that is known.  A count that is unknown is None, never 0.
    """

    name: str
    """``module.qualname`` of a type; of a code object with file and line; of a
    dictionary the module that it belongs to."""
    kind: str
    """One of :data:`KINDS`."""
    address: int
    interpreter: int
    """Id of the interpreter that owns the object."""
    unique_id: int
    """Position in the interpreter's pool plus one; 0 for an object without one."""
    state: str
    """``immortal``, or the flag bits of ``ob_ref_shared``: ``owned`` (a thread still
    counts in ``local``), ``weakref``, ``queued`` (for merging), ``merged``; ``?`` where
    it is unknown."""
    owner: int | None
    """Native id of the thread that counts in ``local``; None when merged or gone."""
    local: int | None
    """``ob_ref_local``."""
    shared: int | None
    """``ob_ref_shared`` as a count, the bias of a deferred object included."""
    bias: int
    """What CPython adds to ``shared`` for deferred counting, and the merge queue's own
    reference; nobody holds these."""
    contributions: Mapping[int, int]
    """Native thread id -> signed count since the last merge; zeros are left out."""
    counted: int | None
    deferred: int | None
    """Uncounted references on thread stacks; None if the stacks were not read."""
    total: int | None
    settled: bool
    """The words of this row belong to one instant."""
    bounds: tuple[int, int] | None
    """The smallest and largest count seen of a row that is not settled."""
    stacks: Mapping[int, int] | None
    """Native thread id -> uncounted references on its stack; their sum is ``deferred``.
    None if the stacks were not read."""
    deallocator: str | None
    """Where the type's deallocator gives the reference to it back: ``header`` or ``per
    thread``; None where that is unknown, and for objects that are no types."""
    deallocator_of: str | None
    """Name of the base whose ``tp_dealloc``, written in C, frees the type's instances; None
    where that is its own or CPython's, or is not known."""

    @property
    def key(self) -> ObjectKey:
        """What identifies the object in several readings."""
        return self.interpreter, self.address, self.name

    @property
    def header(self) -> int | None:
        """``local + shared - bias``: what the header says, signed."""
        if self.local is None or self.shared is None:
            return None
        return self.local + self.shared - self.bias

    @property
    def contributed(self) -> int | None:
        """The sum of all threads' contributions, signed; None where it is unknown."""
        return None if self.state == "?" else sum(self.contributions.values())

    @property
    def getrefcount(self) -> int | None:
        """What ``sys.getrefcount`` says of the object: the header, bias included."""
        if self.local is None or self.shared is None:
            return None
        return self.local + self.shared

    @property
    def unbiased(self) -> int | None:
        """``shared - bias``: the references that ``ob_ref_shared`` counts, signed."""
        return None if self.shared is None else self.shared - self.bias

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; thread ids are strings there, as JSON demands."""
        document = self._asdict()
        document["contributions"] = {str(id_): n for id_, n in self.contributions.items()}
        if self.stacks is not None:
            document["stacks"] = {str(id_): n for id_, n in self.stacks.items()}
        return document

    def __repr__(self) -> str:
        parts = []
        for name, number in (
            ("local", self.local),
            ("shared", self.unbiased),
            ("threads", self.contributed),
            ("stack", self.deferred),
        ):
            if number != 0:
                parts.append(f"{name} {'?' if number is None else format(number, ',')}")
        total = "?" if self.total is None else f"{self.total:,}"
        state = f", {self.state}" if self.state else ""
        return f"<{self.name}: total {total} = {' + '.join(parts) or '0'}{state}>"
