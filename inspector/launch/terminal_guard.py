"""Restores a terminal after a dashboard that was killed.

Run as a program, with the dashboard's process id: a dashboard beside another program may be
killed with it.  This process waits for its end, and restores the terminal's mode if that is
still the dashboard's.  It is a daemon, so that no program finds it among its children.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios

__all__ = ["start_guard"]

GIVE = b"\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"


def start_guard(pid: int) -> None:
    """Start a guard for a process; its terminal must be in its ordinary mode now."""
    with open("/dev/tty", "rb", buffering=0) as terminal:  # noqa: PTH123 - as below
        subprocess.run(  # noqa: S603 - this file
            [sys.executable, "-I", "-S", __file__, str(pid)],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def main() -> None:
    """Wait for a process to end, apart from who started this."""
    process = os.pidfd_open(int(sys.argv[1]))
    terminal = os.open(os.ttyname(0), os.O_RDWR | os.O_NOCTTY)
    before = termios.tcgetattr(terminal)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.dup2(1, 0)
    select.select([process], [], [])
    mode = termios.tcgetattr(terminal)
    # Who has the terminal now may have set it as it likes.
    if not mode[3] & (termios.ICANON | termios.ECHO) and mode[6][termios.VSUSP] == b"\0":
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.write(terminal, GIVE)


if __name__ == "__main__":
    main()
