"""Compares the rows of a file with what is stored: what is new, what differs, what is refused."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from bulk.kinds import Change, Key, Kind, Record, Values
from bulk.values import all_as_json, as_json
from dataio.csv_in import Row
from dataio.importing import RowRefused


@dataclass
class RowPlan:
    """What one row of the file would do: its changes, or the reason why it is refused."""

    line: int
    changes: list[Change] = field(default_factory=list)
    problem: str = ""
    records: int = 0  # that the row asks for

    @property
    def adds_all(self) -> bool:
        """Whether every record of the row is new."""
        return len(self.changes) == self.records and all(
            change.before is None for change in self.changes
        )


class Comparison:
    """Reads the rows of one file batch by batch, in order of their lines."""

    def __init__(self, kind: Kind):
        self.kind = kind
        self.asked: dict[Key, Record] = {}

    def plan(self, rows: Sequence[Row], *, lock: bool = False) -> list[RowPlan]:
        """Compare a batch; with `lock` the records that differ are locked until commit.

        Only those: a record that stays as it is must not keep anybody waiting.
        """
        read = [self._read(row) for row in rows]
        records = [record for _plan, of_row in read for record in of_row]
        stored = self.kind.current({record.key for record in records})
        if lock:
            differing = {
                record.key
                for record in records
                if record.key in stored and difference(stored[record.key], record.values)
            }
            locked = self.kind.current(differing, lock=True) if differing else {}
            stored = {key: stored[key] for key in stored.keys() - differing} | locked
        for plan, of_row in read:
            if not plan.problem:
                try:
                    plan.changes = self._changes(of_row, stored)
                except RowRefused as refusal:
                    plan.problem = str(refusal)
        return [plan for plan, _of_row in read]

    def _read(self, row: Row) -> tuple[RowPlan, list[Record]]:
        problems = [str(problem) for problem in row.problems]
        if not problems:
            try:
                records = self.kind.records(row)
                return RowPlan(row.line, records=len(records)), records
            except RowRefused as refusal:
                problems = [str(refusal)]
        return RowPlan(row.line, problem=" ".join(problems)), []

    def _changes(self, records: Sequence[Record], stored: dict[Key, Values]) -> list[Change]:
        """The changes of one row, all or none; raises RowRefused."""
        changes = []
        for record in records:
            # The same record again, as in lists with a row for each weekday.
            if self._is_repeated(record):
                continue
            before = stored.get(record.key)
            differs = difference(before or {}, record.values)
            if before is not None and not differs:
                continue
            self.kind.check(record, before)
            old = None if before is None else {name: before[name] for name in differs}
            changes.append(Change(record.line, record.key, old, differs))
        # Only now: a refused row keeps no later one from its records.
        self.asked.update({record.key: record for record in records})
        return changes

    def _is_repeated(self, record: Record) -> bool:
        earlier = self.asked.get(record.key)
        if earlier is None:
            return False
        if self.kind.repeats_allowed and earlier.values == record.values:
            return True
        raise RowRefused(self.kind.repeated(record, earlier.line))


def difference(before: Values, wanted: Values) -> Values:
    """The wanted values that differ from those before, or are not among them."""
    return {
        name: value for name, value in wanted.items() if name not in before or before[name] != value
    }


class Digest:
    """The fingerprint of a preview: equal only if applying does what was shown."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, plan: RowPlan) -> None:
        # The wording of a refusal may name a count that changes by the minute; that the row is
        # refused is what was shown.
        content = [plan.line, bool(plan.problem), *map(_as_list, plan.changes)]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        self._hash.update(text.encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _as_list(change: Change) -> list[object]:
    return [
        [as_json(part) for part in change.key],
        None if change.before is None else all_as_json(change.before),
        all_as_json(change.after),
    ]
