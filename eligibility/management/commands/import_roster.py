import sys
from pathlib import Path
from typing import Any

import pghistory
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dataio.csv_in import BadFile
from dataio.importing import MOST_PROBLEMS_SHOWN
from eligibility.services.roster import RosterRefused, RosterReport, import_roster
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy("Add and change the people of the authority's roster from a CSV")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help=_("CSV with a header line"))
        parser.add_argument(
            "--skip-refused",
            action="store_true",
            help=_("take the good rows, and write the refused ones to FILE.refused.csv"),
        )
        parser.add_argument(
            "--processes", type=int, help=_("how many processes encrypt; all cores by default")
        )
        parser.add_argument(
            "--language",
            choices=settings.STAFF_LANGUAGES,
            default=settings.LANGUAGE_CODE,
            help=_("language of the messages"),
        )

    def handle(
        self,
        *,
        file: Path,
        skip_refused: bool,
        processes: int | None,
        language: str,
        **options: Any,
    ) -> None:
        with translation.override(language), pghistory.context(by="command:import_roster"):
            try:
                report = import_roster(
                    file,
                    skip_refused=skip_refused,
                    processes=processes,
                    progress=self.show_progress,
                )
            except BadFile as problem:
                raise CommandError(f"{file.name}: {problem}") from None
            except RosterRefused as refusal:
                self.show_report(file, refusal.report)
                raise CommandError(
                    _(
                        "Nothing was changed. Correct the file, or take the good rows with "
                        "%(option)s."
                    )
                    % {"option": "--skip-refused"}
                ) from None
            except DatabaseError as error:
                # Only the kind of error: the database's text may contain a person's values.
                raise CommandError(
                    _("%(file)s: the database refused it (%(rule)s). Nothing was changed.")
                    % {"file": file.name, "rule": type(error.__cause__ or error).__name__}
                ) from None
            self.show_report(file, report)

    def show_progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            filled = 40 * done // max(total, 1)
            end = "\n" if done >= total else ""
            sys.stderr.write(f"\r[{'#' * filled:40}] {done:,} / {total:,}{end}")
            sys.stderr.flush()

    def show_report(self, file: Path, report: RosterReport) -> None:
        for line, problem in sorted(report.refused.items())[:MOST_PROBLEMS_SHOWN]:
            self.stderr.write(_("line %(line)s, %(problem)s") % {"line": line, "problem": problem})
        hidden = len(report.refused) - MOST_PROBLEMS_SHOWN
        if hidden > 0:
            self.stderr.write(
                ngettext(
                    "and %(count)s more refused row.", "and %(count)s more refused rows.", hidden
                )
                % {"count": hidden}
            )
        self.stdout.write(summary(file.name, report))
        if report.refused_path:
            self.stdout.write(
                _("The refused rows are in %(file)s.") % {"file": report.refused_path.name}
            )


def summary(name: str, report: RosterReport) -> str:
    return _(
        "%(file)s (%(encoding)s): %(added)s added, %(changed)s changed, "
        "%(unchanged)s unchanged, %(refused)s refused."
    ) % {
        "file": name,
        "encoding": report.encoding.upper(),
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "refused": len(report.refused),
    }
