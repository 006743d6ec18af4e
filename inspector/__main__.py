"""``python -m inspector`` and the command ``inspector``."""

from __future__ import annotations

import sys

__all__ = ["main"]

INTERRUPTED = 130
"""As in :mod:`inspector.cli.codes`, which may not be imported yet."""


def main() -> int:
    """Do what ``sys.argv`` says and return the exit status, 130 if interrupted at any point."""
    try:
        # Most of a start is this import, and Ctrl-C may come in it.
        from inspector.cli import main as run_command

        return run_command()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
