from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dataio.csv_in import BadFile, Column, Layout, open_table
from eligibility.roster import person_key
from eligibility.services.roster import remove_from_roster
from web.commands import PortalCommand

LAYOUT = Layout("keys", [Column("person_id", person_key, personal=True)], others_allowed=True)


class Command(PortalCommand):
    help = gettext_lazy("Take the people of a CSV (person_id) off the authority's roster")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help=_("CSV with a header line"))

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            with open_table(file, [LAYOUT]) as table:
                rows = list(table.rows)
        except BadFile as problem:
            raise CommandError(f"{file.name}: {problem}") from None
        # All rows are read before the first is removed: one bad key refuses the file.
        problems = [(row.line, " ".join(row.problems)) for row in rows if row.problems]
        for line, text in problems:
            self.stderr.write(_("line %(line)s, %(problem)s") % {"line": line, "problem": text})
        if problems:
            raise CommandError(_("Nothing was changed."))
        count = remove_from_roster(roster_keys=[row.values["person_id"] for row in rows])
        self.stdout.write(
            ngettext("%(count)s person removed.", "%(count)s people removed.", count)
            % {"count": count}
        )
