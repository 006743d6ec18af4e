"""Who is told what a reading does, to measure where its time goes: nobody, by default."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["NO_HOOK", "Hook"]


class Hook:
    """Hears of the phases and system calls of readings; this one does nothing with it.

    The phases are ``identity``, ``runtime``, ``published`` and ``discovery`` of attaching,
    and ``plan``, ``read``, ``stacks``, ``names``, ``threads`` and ``rows`` of a reading.
    """

    def phase(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002 - for others
        """Return a context that lasts as long as a phase does."""
        return nullcontext()

    def note_call(self, moved: int) -> None:
        """Take note of a system call that read memory: the bytes, negative where it failed."""


NO_HOOK: Final = Hook()
