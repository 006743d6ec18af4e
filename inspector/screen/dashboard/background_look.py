"""What deserves attention in a process, looked for in a thread of its own, again and again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from inspector.diagnosis.findings import look_at_process
from inspector.errors import InspectorError, NoSuchTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.diagnosis.findings import FirstLook
    from inspector.reader.target import Target

__all__ = ["BackgroundLook"]

DURATION: Final = 5.0
"""Seconds that a look takes, the first one and the others."""

SHARE: Final = 0.05
"""Share of one processor that all looks but the first take, at most."""

LEAST_REST: Final = 5.0
"""Seconds between two looks."""


class BackgroundLook:
    """Looks at another process until :meth:`close`.

    ``attach`` returns a target that nobody else reads with.
    """

    def __init__(self, attach: Callable[[], Target]) -> None:
        """Begin to look."""
        self._attach = attach
        self._closed = threading.Event()
        self.latest: FirstLook | None = None
        """A look that is not final is shown only while there is no other."""
        self.trouble = ""
        """Why the last look failed; the next one may not."""
        threading.Thread(target=self._run, name="findings", daemon=True).start()

    def close(self) -> None:
        """Let the thread end; nobody waits for it, for a look takes seconds."""
        self._closed.set()

    def _run(self) -> None:
        target: Target | None = None
        while not self._closed.is_set():
            begin, spent = time.monotonic(), time.thread_time()
            try:
                target = target or self._attach()
                self._look(target)
            except NoSuchTarget:
                return
            except InspectorError as failure:
                self.trouble = str(failure)
            if self.latest is not None and self.latest.ended:
                return
            took = time.monotonic() - begin
            self._closed.wait(max(LEAST_REST, (time.thread_time() - spent) / SHARE - took))

    def _look(self, target: Target) -> None:
        """Look once, and keep what is seen."""
        for look in look_at_process(target, duration=DURATION):
            if self._closed.is_set():
                return
            if look.final or self.latest is None or not self.latest.final:
                self.latest, self.trouble = look, ""
