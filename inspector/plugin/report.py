"""The report: what was found in all tests, as lines on the terminal and as a JSON file."""

from __future__ import annotations

import json
import platform
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inspector.checks.support import find_support

if TYPE_CHECKING:
    from inspector.plugin.settings import Settings

__all__ = ["Report"]

SHOWN = 40
"""Types in the section at the end; the JSON file has all."""

TESTS = 3
"""Tests named beside each type."""

NOT_LOOKED_AT = (
    "inspector: heap types were looked at; leaked instances of static types and built-in "
    "containers (bytes, dict) are not seen"
)


class Report:
    """A plugin that gathers the records of tests from their reports.

    The tests may have run in this process or in workers of pytest-xdist.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._records: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the record of a test, which is an attribute of its last report."""
        record = getattr(report, "inspector", None)
        if record is not None:
            self._records.append(record)

    def pytest_sessionfinish(self) -> None:
        """Write the JSON file, if the settings name one.

        Raises :class:`pytest.UsageError` when it cannot be written.
        """
        if not self._settings.json:
            return
        try:
            Path(self._settings.json).write_text(json.dumps(self.document(), indent=1) + "\n")
        except OSError as problem:
            raise pytest.UsageError(f"inspector_json: {problem}") from None

    def document(self) -> dict[str, Any]:
        """Return everything as a JSON document."""
        found = find_support()
        return {
            "python": platform.python_version(),
            "free_threaded": "t" in sys.abiflags,
            "counts": bool(not found.reason),
            "counts_per_thread": found.threads,
            "why_not": found.reason or found.no_threads,
            "tests": self._records,
            "types": types_of(self._records),
        }

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was not checked and, with ``--inspector-report``, the types that grew."""
        lines = self._notes()
        if self._settings.report:
            terminalreporter.section("inspector: references to types")
            lines = [self._headline(), *lines, *self._table()]
        for line in lines:
            terminalreporter.write_line(line)

    def _headline(self) -> str:
        counts = Counter(record["outcome"] for record in self._records)
        outcomes = ", ".join(f"{number} {name}" for name, number in counts.items()) or "no tests"
        how = "per thread" if find_support().threads else "in all"
        return f"Python {platform.python_version()}, references counted {how}; {outcomes}"

    def _notes(self) -> list[str]:
        """Return a line for each reason that something was not checked."""
        lines = []
        if find_support().reason:
            lines.append(f"inspector: nothing was checked: {find_support().reason}")
        elif any(record["check"] != "none" for record in self._records):
            lines.append(NOT_LOOKED_AT)
        unchecked = Counter(record.get("reason") for record in self._records)
        for reason, tests in unchecked.items():
            if reason:
                lines.append(f"inspector: {tests} marked tests went unchecked: {reason}")
        for taken in self._list_taken_by_others():
            lines.append(f"inspector: other threads took references to {taken}")
        for record in self._records:
            if record["outcome"] == "not repeatable":
                lines.append(f"inspector: cannot be repeated, so not judged: {record['nodeid']}")
        return lines

    def _list_taken_by_others(self) -> list[str]:
        """Return ``type (test)`` of the types whose references other threads took."""
        taken: set[str] = set()
        for record in self._records:
            for finding in record.get("findings", ()):
                if finding["verdict"] == "background thread":
                    taken.add(f"{finding['type']} ({record['nodeid']})")
        return sorted(taken)

    def _table(self) -> list[str]:
        """Return the types by growth, with verdicts and tests."""
        types = types_of(self._records)
        if not types:
            return ["no type gained references that stayed"]
        lines = []
        for entry in types[:SHOWN]:
            tests = entry["tests"]
            more = f" and {len(tests) - TESTS} more" if len(tests) > TESTS else ""
            names = ", ".join(f"{test['nodeid']} ({test['growth']:+d})" for test in tests[:TESTS])
            verdict = entry["verdict"]
            lines.append(f"{entry['growth']:>+8d}  {entry['type']}  [{verdict}]  {names}{more}")
        if len(types) > SHOWN:
            lines.append(f"          and {len(types) - SHOWN} more types")
        return lines


def types_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the types that grew, the largest growth first, each with the tests in which it grew.

    Each is ``{"type", "growth", "verdict", "tests": [{"nodeid", "growth"}]}``.  The verdict is
    ``grew once`` where the growth was not confirmed by running the test again.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        growth = Counter(record.get("growth", {}))
        findings = {finding["type"]: finding for finding in record.get("findings", ())}
        for name, finding in findings.items():
            growth[name] += finding["change"]
        for name, change in growth.items():
            entry = found.setdefault(
                name, {"type": name, "growth": 0, "verdict": "grew once", "tests": []}
            )
            entry["growth"] += change
            if name in findings:
                entry["verdict"] = findings[name]["verdict"]
            entry["tests"].append({"nodeid": record["nodeid"], "growth": change})
    for entry in found.values():
        entry["tests"].sort(key=lambda test: -test["growth"])
    return sorted(found.values(), key=lambda entry: (-entry["growth"], entry["type"]))
