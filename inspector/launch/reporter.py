"""Reports on a program, made in its own process.

This module imports others, whose types are counted as well.  Reports leave out those of them
that the program does not use, unless ``--filter`` names them.
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
    """Writes reports on the current process.

    ``plan`` is the text of :class:`~inspector.launch.report_options.ReportOptions`; ``loaded``
    has the names of the modules that were loaded before this one.
    """

    def __init__(self, plan: str, loaded: Collection[str]) -> None:
        self._plan = ReportOptions.loads(plan)
        self._loaded = frozenset(loaded)
        self._brought: frozenset[str] | None = None
        """Modules that inspector loaded; None until it has loaded all that it needs."""
        self._target: Target | None = None
        """This process; None unless :meth:`prepare` attached to it."""
        self._writer: Writer | None = None
        self._at_rest: dict[int, Counts] | None = None
        """Address -> counts of each type before the program started or since the last report."""

    def prepare(self) -> None:
        """Load all that reports need, so that none imports anything while the program runs."""
        self._writer = choose_writer(self._plan.view)
        try:
            self._target = inspector.attach()
            self._at_rest = {row.address: _read_row_counts(row) for row in self._target.snapshot()}
        except InspectorError as error:
            print_error(error)
        self._brought = frozenset(sys.modules) - self._loaded

    def after(self, seconds: float) -> None:
        """Report on the running program, ``seconds`` after its start."""
        self._report(f"taken after {seconds:g} s")

    def at_end(self) -> None:
        """Report on the program, which has ended; say so if its module was not found."""
        if self._plan.module and sys.modules["__main__"].__spec__ is None:
            write_line("inspector: the program did not start: there is nothing to report")
        else:
            self._report("taken at its end")

    def _report(self, when: str) -> None:
        """Write a report; print an error instead of raising it: the program must not notice."""
        try:
            target = self._target or inspector.attach()
            snapshot = target.snapshot()
            if self._brought is None:
                self._brought = frozenset(sys.modules) - self._loaded
            theirs = []
            for row in snapshot:
                if self._plan.view.selection.filters or not self._is_ours(row):
                    theirs.append(row)
            self._write(snapshot, theirs, when)
            if self._at_rest is not None:
                # Writing changes counts of inspector's types: the program did not.
                addresses = {row.address for row in theirs}
                for row in target.snapshot():
                    if row.address not in addresses:
                        self._at_rest[row.address] = _read_row_counts(row)
        except InspectorError as error:
            print_error(error)

    def _write(self, snapshot: Snapshot, theirs: list[ObjectCount], when: str) -> None:
        """Write a snapshot with the rows of the program's types alone."""
        remarks = [when]
        if ours := len(snapshot.rows) - len(theirs):
            remarks.append(
                f"{ours:,} types that inspector loaded, and that the program did not use, are "
                "left out; --filter shows them"
            )
        write = self._writer or choose_writer(self._plan.view)
        rows = tuple(tuple(row) for row in theirs)
        with open_output(self._plan.output, "a") as stream:
            write(snapshot._replace(rows=rows), self._plan.view, stream, remarks)

    def _is_ours(self, row: ObjectCount) -> bool:
        """Whether inspector loaded the module of a type, and the program does not use the type.

        The program uses it if references came or went since it started.
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
        # A collection since then has merged all contributions.
        still = row.total == total and row.contributions in (contributions, {})
        return still or parts[0] == "inspector"


def _read_row_counts(row: ObjectCount) -> Counts:
    return row.total, row.contributions
