"""What was found, gathered from all tests and written at the end."""

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
    """Gathers the records that stand on reports, this process's or those of workers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._records: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a test's record from its last report."""
        record = getattr(report, "inspector", None)
        if record is not None:
            self._records.append(record)

    def pytest_sessionfinish(self) -> None:
        """Write the JSON file."""
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
        """Say what went unchecked; with the option, list the types."""
        lines = self._notes()
        if self._settings.report:
            terminalreporter.section("inspector: references to types")
            lines = [self._headline(), *lines, *self._table()]
        for line in lines:
            terminalreporter.write_line(line)

    def _headline(self) -> str:
        outcomes = [each["outcome"] for each in self._records]
        counts = {name: outcomes.count(name) for name in dict.fromkeys(outcomes)}
        found = find_support()
        how = "per thread" if found.threads else "in all"
        said = ", ".join(f"{number} {name}" for name, number in counts.items()) or "no tests"
        return f"Python {platform.python_version()}, references counted {how}; {said}"

    def _notes(self) -> list[str]:
        """Return a line for each reason that something was not checked."""
        lines = []
        if reason := find_support().reason:
            lines.append(f"inspector: nothing was checked: {reason}")
        elif any(each["check"] != "none" for each in self._records):
            lines.append(NOT_LOOKED_AT)
        reasons = [each.get("reason") for each in self._records]
        lines += [
            f"inspector: {reasons.count(each)} marked tests went unchecked: {each}"
            for each in dict.fromkeys(filter(None, reasons))
        ]
        beside = {
            f"{finding['type']} ({record['nodeid']})"
            for record in self._records
            for finding in record.get("findings", ())
            if finding["verdict"] == "background thread"
        }
        lines += [f"inspector: other threads took references to {each}" for each in sorted(beside)]
        again = [each["nodeid"] for each in self._records if each["outcome"] == "not repeatable"]
        lines += [f"inspector: cannot be repeated, so not judged: {each}" for each in again]
        return lines

    def _table(self) -> list[str]:
        """Return the types by growth, with verdicts and tests."""
        types = types_of(self._records)
        if not types:
            return ["no type gained references that stayed"]
        lines = []
        for each in types[:SHOWN]:
            tests = each["tests"]
            more = f" and {len(tests) - TESTS} more" if len(tests) > TESTS else ""
            names = ", ".join(f"{test['nodeid']} ({test['growth']:+d})" for test in tests[:TESTS])
            verdict = each["verdict"]
            lines.append(f"{each['growth']:>+8d}  {each['type']}  [{verdict}]  {names}{more}")
        if len(types) > SHOWN:
            lines.append(f"          and {len(types) - SHOWN} more types")
        return lines


def types_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the types that grew, the largest growth first, each with the tests that did it.

    The verdict of a type that was not repeated, or did not persist, is ``grew once``.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        verdicts = {each["type"]: each for each in record.get("findings", ())}
        growth = Counter(record.get("growth", {}))
        growth.update({name: each["change"] for name, each in verdicts.items()})
        for name, change in growth.items():
            entry = found.setdefault(
                name, {"type": name, "growth": 0, "verdict": "grew once", "tests": []}
            )
            entry["growth"] += change
            if name in verdicts:
                entry["verdict"] = verdicts[name]["verdict"]
            entry["tests"].append({"nodeid": record["nodeid"], "growth": change})
    for entry in found.values():
        entry["tests"].sort(key=lambda test: -test["growth"])
    return sorted(found.values(), key=lambda entry: (-entry["growth"], entry["type"]))
