"""The hook through which the time of a reading is measured."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["NO_HOOK", "Hook"]


class Hook:
    """Is told of the phases and system calls of readings; this one ignores them.

    The phases are ``identity``, ``runtime``, ``published`` and ``discovery`` of attaching,
    and ``plan``, ``read``, ``stacks``, ``names``, ``threads`` and ``rows`` of a reading.
    """

    def phase(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002 - for others
        """Return a context that is entered for a phase."""
        return nullcontext()

    def note_call(self, moved: int) -> None:
        """Note a system call that read memory: the bytes moved, negative if it failed."""


NO_HOOK: Final = Hook()
