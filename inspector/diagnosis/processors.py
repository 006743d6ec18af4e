"""How many processors a process may use, and how much of them it used."""

from __future__ import annotations

from pathlib import Path

import psutil

__all__ = ["count_processors", "read_processor_seconds"]


def read_processor_seconds(pid: int) -> float | None:
    """Return the processor time of all threads so far, in seconds; None if it has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def count_processors(pid: int) -> float | None:
    """Return how many processors a process may use: its affinity, and its cgroup's quota.

    None where that cannot be told.
    """
    try:
        allowed = float(len(psutil.Process(pid).cpu_affinity()))
    except (psutil.Error, OSError):
        return None
    quotas = [allowed, *_read_quotas(pid)]
    return min(quotas)


def _read_quotas(pid: int) -> list[float]:
    """Return the quotas of the cgroup of a process and of all above it (cgroup v2, cpu.max)."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = []
    for line in lines.splitlines():
        if not line.startswith("0::/"):
            continue
        root = Path("/sys/fs/cgroup")
        group = root / line.removeprefix("0::/")
        for each in (group, *group.parents):
            if root not in (each, *each.parents):
                break
            try:
                quota, period = (each / "cpu.max").read_text(encoding="ascii").split()
            except (OSError, ValueError):
                continue
            if quota.isdecimal() and int(period):
                found.append(int(quota) / int(period))
    return found
