"""The reports on a program, from inside its process.

Knows: that loading this module loads others, whose types are then in the census.
Those that the program does not use are left out of its reports, unless they are
asked for by name.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeAlias

import inspector
from inspector.errors import InspectorError
from inspector.launch.report_options import ReportOptions
from inspector.screen.streams import open_output, print_error, write_line
from inspector.screen.view import choose_writer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from inspector.reader.target import Target
    from inspector.screen.view import Writer
    from inspector.snapshots.snapshot import ObjectCount, Snapshot

__all__ = ["Reporter"]

Counts: TypeAlias = "tuple[int | None, Mapping[int, int]]"
"""Total and contributions of a type."""


class Reporter:
    """Reports on the current process as a plan says.

    ``loaded`` are the names of the modules that were there before this one.
    """

    def __init__(self, plan: str, loaded: Collection[str]) -> None:
        self._plan = ReportOptions.loads(plan)
        self._loaded = frozenset(loaded)
        self._brought: frozenset[str] | None = None
        """Modules that were loaded for us; None until all are."""
        self._target: Target | None = None
        """The own process, for reports that are made while the program has the import system."""
        self._writer: Writer | None = None
        self._at_rest: dict[int, Counts] | None = None
        """What types of those modules had before the program started, by address."""

    def prepare(self) -> None:
        """Load all that reports need, for those to come while the program runs."""
        self._writer = choose_writer(self._plan.view)
        try:
            self._target = inspector.attach()
            self._at_rest = {row.address: _read_row_counts(row) for row in self._target.snapshot()}
        except InspectorError as error:
            print_error(error)
        self._brought = frozenset(sys.modules) - self._loaded

    def after(self, seconds: float) -> None:
        """Report while the program runs."""
        self._report(f"taken after {seconds:g} s")

    def at_end(self) -> None:
        """Report on a program that has ended, unless its module was not found."""
        if self._plan.module and sys.modules["__main__"].__spec__ is None:
            write_line("inspector: the program did not start: there is nothing to report")
        else:
            self._report("taken at its end")

    def _report(self, when: str) -> None:
        """Write a report; what fails is said, not raised.

        It is not for a reporter to change how a program ends.
        """
        try:
            target = self._target or inspector.attach()
            snapshot = target.snapshot()
            if self._brought is None:
                self._brought = frozenset(sys.modules) - self._loaded
            asked = self._plan.view.selection.filters
            ours = {row.address for row in snapshot if not asked and self._is_ours(row)}
            self._write(snapshot, ours, when)
            if self._at_rest is not None:
                # What writing did to types of ours is no use that the program makes of them.
                theirs = {row.address for row in snapshot} - ours
                self._at_rest |= {
                    row.address: _read_row_counts(row)
                    for row in target.snapshot()
                    if row.address not in theirs
                }
        except InspectorError as error:
            print_error(error)

    def _write(self, snapshot: Snapshot, ours: Collection[int], when: str) -> None:
        """Write a snapshot but for the types at some addresses."""
        theirs = tuple(tuple(row) for row in snapshot if row.address not in ours)
        remarks = [when]
        if ours:
            remarks.append(
                f"{len(ours):,} types that came with inspector, and did not move since, are left "
                "out; --filter shows them"
            )
        write = self._writer or choose_writer(self._plan.view)
        with open_output(self._plan.output, "a") as stream:
            write(snapshot._replace(rows=theirs), self._plan.view, stream, remarks)

    def _is_ours(self, row: ObjectCount) -> bool:
        """Whether a type is in the census only because it is taken.

        Its module was loaded for us.  If that was before the program started, the
        program may use it too: then references to it came or went since.
        """
        parts = row.name.split(".")
        modules = [".".join(parts[:number]) for number in range(1, len(parts))]
        if self._brought is None or self._brought.isdisjoint(modules):
            return False
        if self._at_rest is None:
            return True
        if row.address not in self._at_rest:
            return False
        total, contributions = self._at_rest[row.address]
        # A collection in the meantime leaves no contributions.
        still = row.total == total and row.contributions in (contributions, {})
        return still or parts[0] == "inspector"


def _read_row_counts(row: ObjectCount) -> Counts:
    return row.total, row.contributions
