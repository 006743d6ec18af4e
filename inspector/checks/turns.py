"""Keeps the checks of one process from counting each other's work.

A check runs what it checks, and reads.  A reading holds references to any type: lists of all
types and objects, arguments for ctypes.  What another check runs takes references that nobody
can tell from those of the first, but for which thread counted them.

Callables are therefore measured one at a time (:class:`Turn`), and checks read one at a time
(:class:`Reading`).  A block cannot wait, since its thread may be waited for: checks that are
open at the same time in other threads are noted (:attr:`Check.beside`), and the judge then
accuses nobody of what another thread may have done.

A check inside of another one (in the same thread, in a signal handler, in a thread that a
callable started) belongs to it and waits for none but its like.  That a thread belongs to who
started it is told by its context, which threads of a free-threaded build inherit.  On others a
thread that began during a call which does not get on is taken for one of that call.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Final, Self

from inspector.errors import Unsettled

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Check", "Reading", "Turn", "open_check", "try_reading"]

PATIENCE: Final = 60.0
"""Seconds that a check waits for its turn while the one before it does not get on."""

DOUBT: Final = 2.0
"""The same for a thread that began meanwhile, where that thread does not tell who began it."""

INHERITED: Final[bool] = bool(getattr(sys.flags, "thread_inherit_context", False))
"""A thread has the context of the one that began it."""

MAX_WAIT: Final = 10.0
"""Seconds that a reading waits for another one, whose thread may wait for this one: in a
finalizer, for example."""


class Check:
    """A check; also the process, which is around all of them and never ends."""

    def __init__(self, around: Check | None = None) -> None:
        self.around = around
        self.beside = False
        """Whether another one was open at the same time, not around this one nor inside."""
        self.turn = threading.RLock()
        """Held by the one check inside of this one that runs its callable."""
        self.progress = 0
        """Rises whenever a check inside of this one gets on."""
        self.running: Check | None = None
        """The check inside of this one that has the turn."""
        self.threads: frozenset[int] = frozenset()
        """Threads that there were when it began, where a later one does not tell who began it."""
        self.adopts = False
        """Its call was seen to wait for threads that began during it."""
        self.ended = False
        self._before: Token[Check | None]
        self._key = next(_keys)

    def begin(self) -> None:
        """Be open from now on, and around what this thread begins."""
        # Without a lock: a finalizer may run here, and wait for a thread that would wait for it.
        # Of two that begin at once, both are in the list before either looks.
        _process.open[self._key] = weakref.ref(self)
        for other in _process.find_open():
            if other is not self and not other.is_around(self):
                other.beside = self.beside = True
        self._before = _around.set(self)

    def end(self) -> None:
        """Be open no more."""
        self.ended = True
        _process.open.pop(self._key, None)
        if _around.get() is not self:  # of blocks that are left out of order another is innermost
            return
        try:
            _around.reset(self._before)  # the context is left as it was found
        except ValueError:  # this is another context than that of the beginning
            _around.set(_find_around())

    def is_around(self, other: Check) -> bool:
        """Whether another check is inside of this one."""
        outer = other.around
        while outer is not None and outer is not self:
            outer = outer.around
        return outer is self

    def go_on(self) -> None:
        """Tell those that wait for this one, or for one around it, that it gets on."""
        outer = self.around
        while outer is not None:
            outer.progress += 1
            outer = outer.around


class _Process:
    """What all checks of a process share; a forked one begins anew."""

    def __init__(self) -> None:
        self.check = Check()
        self.open: dict[int, weakref.ref[Check]] = {}
        """The checks that are open; weak, for a block may never be left."""
        self.reading = threading.RLock()
        """Held by the thread that reads."""
        self.overdue = False
        """A reading has waited in vain; the next ones do not wait."""

    def find_open(self) -> list[Check]:
        """Return the checks that are open."""
        found = []
        for key, ref in self.open.copy().items():
            check = ref()
            if check is None:
                self.open.pop(key, None)
            else:
                found.append(check)
        return found

    def forget_threads(self) -> None:
        """Give back, in a forked process, what threads hold that are not in it."""
        self.open = {}
        self.reading = threading.RLock()
        self.check.turn = threading.RLock()
        check = _around.get()
        while check is not None:
            check.turn = threading.RLock()
            check = check.around


_keys: Final = itertools.count()
_process: Final = _Process()
_around: Final[ContextVar[Check | None]] = ContextVar("inspector_check", default=None)
os.register_at_fork(after_in_child=_process.forget_threads)


def _find_around() -> Check:
    """Return the innermost check that is open around this thread, or the process."""
    check = _around.get()
    while check is not None and check.ended:  # a thread may outlive the check that started it
        check = check.around
    return check or _process.check


def open_check() -> Check:
    """Return a check that waits for none, and is open."""
    check = Check(_find_around())
    check.begin()
    return check


class Turn:
    """A context manager that waits until no other check runs its callable.

    Raises :class:`Unsettled` if another one does not get on for :data:`PATIENCE` seconds.
    """

    def __enter__(self) -> Check:
        self._held, self._around = _wait_for_turn(_find_around())
        self._check = Check(self._around)
        if not INHERITED:
            self._check.threads = frozenset(map(_identify, threading.enumerate()))
        self._check.begin()
        self._around.running = self._check
        return self._check

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._around.running = None
        self._check.go_on()
        self._check.end()
        self._held.release()


def _wait_for_turn(around: Check) -> tuple[threading.RLock, Check]:
    """Return the lock of the turn, which is held, and the check around this one."""
    while True:
        seen, lock, running = around.progress, around.turn, around.running
        young = running is not None and not INHERITED and _is_young(running)
        adopted = running is not None and young and running.adopts
        if lock.acquire(timeout=0 if adopted else DOUBT if young else PATIENCE):
            return lock, around
        if around.progress != seen and not adopted:
            continue
        if running is None or not young:
            raise Unsettled(
                f"another check has not got on for {PATIENCE:.0f} seconds, "
                "and this one cannot measure beside it",
                tries=1,
                hint="checks take turns in a process; a call that waits for a check in a thread "
                "that was there before waits for ever: check in the thread that calls",
            )
        # The call probably waits for this thread.  If it does not, it is beside the call.
        running.adopts = running.beside = True
        around = running


def _is_young(running: Check) -> bool:
    """Whether this thread has begun since a check did, which may have begun it."""
    return threading.get_ident() not in running.threads


def _identify(thread: threading.Thread) -> int:
    """Return what :func:`threading.get_ident` tells in a thread."""
    return thread.ident or 0


class Reading:
    """A context manager that waits until no other check reads, for :data:`MAX_WAIT` at most.

    If that was too short, all checks that are open are told to be beside another one.
    """

    def __enter__(self) -> Self:
        lock = _process.reading
        self._held = lock if lock.acquire(timeout=0 if _process.overdue else MAX_WAIT) else None
        _process.overdue = self._held is None
        if self._held is None:
            for check in _process.find_open():
                check.beside = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._held is not None:
            self._held.release()


def try_reading() -> threading.RLock | None:
    """Return the lock of readings, which is to be released; None if another thread reads."""
    lock = _process.reading
    return lock if lock.acquire(blocking=False) else None
