"""Types that cannot be exercised like others: their constructors end the process, or fail."""

from __future__ import annotations

import os
import signal


class AfterAll:
    pass


class Crashes:
    def __init__(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class CrashesInThreads:
    def __init__(self) -> None:
        if threading_seen():
            os.kill(os.getpid(), signal.SIGSEGV)


class Exits:
    def __init__(self) -> None:
        os._exit(3)


class Leaves:
    def __init__(self) -> None:
        raise SystemExit(4)


class NeedsArguments:
    def __init__(self, value: int) -> None:
        self.value = value


class OtherType:
    def __new__(cls) -> object:  # type: ignore[misc]
        return object()


def threading_seen() -> bool:
    import threading  # noqa: PLC0415

    return threading.active_count() > 1
