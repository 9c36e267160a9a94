"""The base of the import commands: one file, one transaction, every refusal with its line."""

import enum
import os
import tempfile
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
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
    csv_line,
    open_table,
)
from web.commands import PortalCommand

MOST_PROBLEMS_SHOWN = 50


class Outcome(enum.Enum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Refused(Exception):
    """A row that reads well but breaks a rule; the message is for whoever sent the file."""


class _NothingChanges(Exception):
    """Rolls the transaction back."""


class ImportCommand(PortalCommand):
    """Reads a file of one of `layouts`, and hands rows to `write` in batches.

    A subclass gives `layouts`, `write`, and if rows must differ in something, `key`.
    """

    help: Any  # text, or a lazy text
    layouts: ClassVar[Sequence[Layout]] = ()
    batch_size = 1000
    requires_migrations_checks = True

    def write(self, rows: Sequence[Row]) -> Sequence[Outcome | Refused]:
        """Save the rows' values inside the open transaction; one answer for each row."""
        raise NotImplementedError

    def key(self, row: Row) -> Hashable:
        """What may stand in the file only once; None if anything goes."""
        return None

    def check_row(self, row: Row) -> None:
        """Rules between the cells of one row; Refused if one is broken."""

    def finish(self) -> None:
        """After the last row, in the same transaction."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help=_("CSV with a header line"))
        parser.add_argument(
            "--skip-refused",
            action="store_true",
            help=_("take the good rows, and write the refused ones to FILE.refused.csv"),
        )
        parser.add_argument(
            "--language",
            choices=[code for code, _name in settings.LANGUAGES],
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
                # The database's own text may hold values of the row: only the rule is named.
                rule = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
                raise CommandError(
                    _("%(file)s: the database refused it (%(rule)s). Nothing was changed.")
                    % {"file": file.name, "rule": rule or "?"}
                ) from None


class _Run:
    """One run over one file."""

    def __init__(self, command: ImportCommand, path: Path, *, skip_refused: bool):
        self.command = command
        self.path = path
        self.skip_refused = skip_refused
        self.counts: Counter[Outcome] = Counter()
        self.refused = 0
        self.seen: dict[Hashable, int] = {}
        self.table: Table
        self.aside: TextIO | None = None
        self.aside_path = ""

    def go(self) -> None:
        try:
            with open_table(self.path, self.command.layouts) as self.table:
                self._take_all()
        except _NothingChanges:
            self._report()
            raise CommandError(
                _("Nothing was changed. Correct the file, or take the good rows with %(option)s.")
                % {"option": "--skip-refused"}
            ) from None
        finally:
            self._drop_aside()
        self._report()

    def _take_all(self) -> None:
        with pghistory.context(by=f"command:{_name_of(self.command)}"), transaction.atomic():
            check_as_we_go()
            for batch in _batches(self.table.rows, self.command.batch_size):
                self._take(batch)
            if self.refused and not self.skip_refused:
                raise _NothingChanges
            if not self.counts and not self.refused:
                raise BadFile(_("There is no row below the first line."))
            self.command.finish()
            if self.aside:
                self.aside.flush()
                os.fsync(self.aside.fileno())
        if self.aside:
            os.replace(self.aside_path, self.refused_path)

    def _take(self, batch: list[Row]) -> None:
        good = [row for row in batch if self._reads_well(row)]
        for row, outcome in zip(good, self.command.write(good) if good else [], strict=True):
            if isinstance(outcome, Outcome):
                self.counts[outcome] += 1
            else:
                self._refuse(row, [str(outcome)])

    def _reads_well(self, row: Row) -> bool:
        problems = list(row.problems)
        if not problems:
            try:
                self.command.check_row(row)
            except Refused as refusal:
                problems = [str(refusal)]
        if not problems and (key := self.command.key(row)) is not None:
            first = self.seen.setdefault(key, row.line)
            if first != row.line:
                problems = [_("the same as line %(line)s.") % {"line": first}]
        if problems:
            self._refuse(row, problems)
        return not problems

    def _refuse(self, row: Row, problems: list[str]) -> None:
        self.refused += 1
        if self.refused <= MOST_PROBLEMS_SHOWN:
            for problem in problems:
                self.command.stderr.write(
                    _("line %(line)s, %(problem)s") % {"line": row.line, "problem": problem}
                )
        if self.skip_refused:
            self._write_aside(row, problems)

    @property
    def refused_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.refused.csv")

    def _write_aside(self, row: Row, problems: list[str]) -> None:
        """As sent, with line and reason after it: corrected, it can be imported as it is."""
        kept = [
            place
            for place, name in enumerate(self.table.header)
            if name not in (REFUSED_LINE, REFUSED_REASON)
        ]
        if self.aside is None:
            self.aside = self._open_aside()
            names = [self.table.header[place] for place in kept]
            self.aside.write(csv_line([*names, REFUSED_LINE, REFUSED_REASON]))
        # A row with too few or too many cells has no certain columns: it stays as it was read.
        right = len(row.cells) == len(self.table.header)
        cells = [row.cells[place] for place in kept] if right else row.cells
        self.aside.write(csv_line([*cells, row.line, " ".join(problems)]))

    def _open_aside(self) -> TextIO:
        try:
            # Readable by its owner only: rows of a roster are personal data.
            handle, self.aside_path = tempfile.mkstemp(dir=self.path.parent, prefix=".refused-")
        except OSError as error:
            raise CommandError(
                _("The refused rows can't be written beside the file: %s. Nothing was changed.")
                % error.strerror
            ) from error
        return os.fdopen(handle, "w", encoding=self.table.encoding, errors="replace", newline="")

    def _drop_aside(self) -> None:
        if self.aside:
            self.aside.close()
            Path(self.aside_path).unlink(missing_ok=True)

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


def check_as_we_go() -> None:
    """Check foreign keys at each statement of this transaction, not all of them at its end.

    Each row that history records opens a subtransaction, and that walks the list of all checks
    still to come: 150,000 rows take minutes with the list, seconds without.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _name_of(command: PortalCommand) -> str:
    return type(command).__module__.rpartition(".")[2]
