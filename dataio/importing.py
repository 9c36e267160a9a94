"""Base class of the import commands: one file in one transaction, refusals with their lines."""

import enum
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, TextIO

import pghistory
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dataio.csv_in import (
    REFUSED_LINE,
    REFUSED_REASON,
    BadFile,
    Layout,
    Row,
    Table,
    open_table,
)
from dataio.csv_out import csv_line
from web.commands import PortalCommand

MOST_PROBLEMS_SHOWN = 50


class Outcome(enum.Enum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class RowRefused(Exception):
    """A row with valid cells breaks a rule; the message is for the sender of the file."""


class _RollBack(Exception):
    """Rolls the transaction back after refused rows."""


class ImportCommand(PortalCommand):
    """Reads a file of one of `layouts` and passes its rows to `write` in batches.

    Subclasses define `layouts` and `write`.
    """

    help: Any  # str or lazy str
    layouts: ClassVar[Sequence[Layout]] = ()
    batch_size = 1000
    requires_migrations_checks = True

    def write(self, rows: Sequence[Row]) -> Sequence[Outcome | RowRefused]:
        """Save the rows inside the open transaction; returns one outcome or refusal per row."""
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help=_("CSV with a header line"))
        parser.add_argument(
            "--skip-refused",
            action="store_true",
            help=_("take the good rows, and write the refused ones to FILE.refused.csv"),
        )
        parser.add_argument(
            "--language",
            choices=settings.STAFF_LANGUAGES,
            default=settings.LANGUAGE_CODE,
            help=_("language of the messages"),
        )

    def handle(self, *, file: Path, skip_refused: bool, language: str, **options: Any) -> None:
        with translation.override(language):
            try:
                run = _Run(self, file, skip_refused=skip_refused)
                run.go()
            except BadFile as problem:
                raise CommandError(f"{file.name}: {problem}") from None
            except IntegrityError as error:
                raise CommandError(
                    _("%(file)s: the database refused it (%(rule)s). Nothing was changed.")
                    % {"file": file.name, "rule": rule_of(error)}
                ) from None


class _Run:
    """One import of one file."""

    def __init__(self, command: ImportCommand, path: Path, *, skip_refused: bool):
        self.command = command
        self.path = path
        self.skip_refused = skip_refused
        self.counts: Counter[Outcome] = Counter()
        self.refused = 0
        self.table: Table
        self.refused_rows: TextIO | None = None
        self.temporary_path = ""

    def go(self) -> None:
        try:
            with open_table(self.path, self.command.layouts) as self.table:
                self._import_all()
        except _RollBack:
            self._report()
            raise CommandError(
                _("Nothing was changed. Correct the file, or take the good rows with %(option)s.")
                % {"option": "--skip-refused"}
            ) from None
        finally:
            self._remove_temporary()
        self._report()

    def _import_all(self) -> None:
        with pghistory.context(by=f"command:{_name_of(self.command)}"), transaction.atomic():
            check_constraints_at_once()
            for batch in _batches(self.table.rows, self.command.batch_size):
                self._import_batch(batch)
            if self.refused and not self.skip_refused:
                raise _RollBack
            if not self.counts and not self.refused:
                raise BadFile(_("There is no row below the first line."))
            if self.refused_rows:
                self.refused_rows.flush()
                os.fsync(self.refused_rows.fileno())
        # Only after the commit: no file of refused rows without the rows that were taken.
        if self.refused_rows:
            os.replace(self.temporary_path, self.refused_path)

    def _import_batch(self, batch: list[Row]) -> None:
        for row in batch:
            if row.problems:
                self._refuse(row, row.problems)
        good = [row for row in batch if not row.problems]
        for row, outcome in zip(good, self.command.write(good) if good else [], strict=True):
            if isinstance(outcome, Outcome):
                self.counts[outcome] += 1
            else:
                self._refuse(row, [str(outcome)])

    def _refuse(self, row: Row, problems: list[str]) -> None:
        self.refused += 1
        if self.refused <= MOST_PROBLEMS_SHOWN:
            for problem in problems:
                self.command.stderr.write(
                    _("line %(line)s, %(problem)s") % {"line": row.line, "problem": problem}
                )
        if self.skip_refused:
            self._write_refused(row, problems)

    @property
    def refused_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.refused.csv")

    def _write_refused(self, row: Row, problems: list[str]) -> None:
        """Write a refused row as sent, with line and reason: corrected, it can be imported."""
        positions = [
            position
            for position, name in enumerate(self.table.header)
            if name not in (REFUSED_LINE, REFUSED_REASON)
        ]
        if self.refused_rows is None:
            self.refused_rows = self._open_temporary()
            names = [self.table.header[position] for position in positions]
            self.refused_rows.write(csv_line([*names, REFUSED_LINE, REFUSED_REASON]))
        # The cells of a row of the wrong width belong to no certain column: all are kept.
        is_aligned = len(row.cells) == len(self.table.header)
        cells = [row.cells[position] for position in positions] if is_aligned else row.cells
        self.refused_rows.write(csv_line([*cells, row.line, " ".join(problems)]))

    def _open_temporary(self) -> TextIO:
        try:
            # mkstemp makes it readable by its owner only: rows of a roster are personal data.
            handle, self.temporary_path = tempfile.mkstemp(dir=self.path.parent, prefix=".refused-")
        except OSError as error:
            raise CommandError(
                _("The refused rows can't be written beside the file: %s. Nothing was changed.")
                % error.strerror
            ) from error
        # "replace", since a reason may hold characters that CP949 lacks.
        return os.fdopen(handle, "w", encoding=self.table.encoding, errors="replace", newline="")

    def _remove_temporary(self) -> None:
        if self.refused_rows:
            self.refused_rows.close()
            Path(self.temporary_path).unlink(missing_ok=True)

    def _report(self) -> None:
        write = self.command.stdout.write
        hidden = self.refused - MOST_PROBLEMS_SHOWN
        if hidden > 0:
            self.command.stderr.write(
                ngettext(
                    "and %(count)s more refused row.", "and %(count)s more refused rows.", hidden
                )
                % {"count": hidden}
            )
        write(
            _(
                "%(file)s (%(encoding)s): %(added)s added, %(changed)s changed, "
                "%(unchanged)s unchanged, %(refused)s refused."
            )
            % {
                "file": self.path.name,
                "encoding": self.table.encoding.upper(),
                "refused": self.refused,
                **{outcome.value: self.counts[outcome] for outcome in Outcome},
            }
        )
        if self.refused and self.skip_refused:
            write(_("The refused rows are in %(file)s.") % {"file": self.refused_path.name})


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def rule_of(error: IntegrityError) -> str:
    """The name of the constraint: the whole message of Postgres may hold values of the row."""
    rule = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return rule or "?"


def check_constraints_at_once() -> None:
    """Check foreign keys at each statement of this transaction instead of at its end.

    Each row recorded in the history opens a subtransaction, which walks the list of all deferred
    checks: 150,000 rows take minutes with that list and seconds without.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _name_of(command: PortalCommand) -> str:
    return type(command).__module__.rpartition(".")[2]
