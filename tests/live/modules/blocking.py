"""A type whose constructor waits for something that never comes."""

from __future__ import annotations

import threading


class Blocks:
    def __init__(self) -> None:
        threading.Event().wait()
