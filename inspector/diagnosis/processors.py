"""How many processors a process may use, and how much processor time it used."""

from __future__ import annotations

from pathlib import Path

import psutil

__all__ = ["count_processors", "read_processor_seconds"]


def read_processor_seconds(pid: int) -> float | None:
    """Return the processor time of all threads so far, in seconds; None if the process ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def count_processors(pid: int) -> float | None:
    """Return how many processors a process may use, by its affinity and its cgroups' quotas.

    None if the process ended, or its affinity cannot be read.
    """
    try:
        allowed = float(len(psutil.Process(pid).cpu_affinity()))
    except (psutil.Error, OSError):
        return None
    return min([allowed, *_read_quotas(pid)])


def _read_quotas(pid: int) -> list[float]:
    """Return the quotas of a process's cgroup and of those above it (cgroup v2, cpu.max)."""
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
        for directory in (group, *group.parents):
            if root not in (directory, *directory.parents):
                break
            try:
                quota, period = (directory / "cpu.max").read_text(encoding="ascii").split()
            except (OSError, ValueError):
                continue
            if quota.isdecimal() and int(period):
                found.append(int(quota) / int(period))
    return found
