"""Base class of the import commands of a kind: the same comparison and writing as in the admin."""

from collections.abc import Sequence
from typing import Any, ClassVar

from bulk.comparing import Comparison, RowPlan
from bulk.kinds import Kind
from dataio.csv_in import Row
from dataio.importing import ImportCommand, Outcome, RowRefused


class KindCommand(ImportCommand):
    help: Any  # str or lazy str; mypy asks the nearest base class only
    kind: ClassVar[type[Kind]]

    def handle(self, **options: Any) -> None:
        self.layouts = self.kind.layouts  # type: ignore[misc]
        name = type(self).__module__.rpartition(".")[2]
        self.comparison = Comparison(self.kind(by=f"command:{name}"))
        super().handle(**options)

    def write(self, rows: Sequence[Row]) -> Sequence[Outcome | RowRefused]:
        plans = self.comparison.plan(rows, lock=True)
        self.comparison.kind.write([change for plan in plans for change in plan.changes])
        return [_outcome_of(plan) for plan in plans]


def _outcome_of(plan: RowPlan) -> Outcome | RowRefused:
    if plan.problem:
        return RowRefused(plan.problem)
    if not plan.changes:
        return Outcome.UNCHANGED
    return Outcome.ADDED if plan.adds_all else Outcome.CHANGED
