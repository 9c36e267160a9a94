from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from privacy.reindexing import Left, left, reindex
from waiting_room.services.reindexing import TicketCodes
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy(
        "Compute the indexes that people are found by anew under the first key of JARI_INDEX_KEYS. "
        "It may be broken off and run again, also while people are booking. It fails for as long "
        "as an older key is still needed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help=_("change nothing; only say what still needs an older key"),
        )
        parser.add_argument(
            "--give-up-codes",
            action="store_true",
            help=_(
                "also change the resume codes of running lines: those that people wrote down end"
            ),
        )

    def handle(self, *, check: bool, give_up_codes: bool, **options: Any) -> None:
        if not check:
            count = reindex(self._tell)
            if give_up_codes:
                count += TicketCodes(give_up_codes=True).reindex(self._tell)
            self.stdout.write(_("Rows that were written: %(count)s") % {"count": f"{count:,}"})
        lines = [_line(part) for part in left()]
        if lines:
            raise CommandError("\n".join([_("An older key is still needed:"), *lines]))
        self.stdout.write(_("No row needs an older key: it can be taken out of JARI_INDEX_KEYS."))

    def _tell(self, name: str, count: int) -> None:
        self.stdout.write(f"{name}: {count:,}")


def _line(part: Left) -> str:
    if part.until:
        until = localize(timezone.localtime(part.until).replace(tzinfo=None))
        return _("%(name)s: %(count)s rows, until %(until)s") % {
            "name": part.name,
            "count": f"{part.count:,}",
            "until": until,
        }
    rows = ", ".join(map(str, part.rows))
    return _("%(name)s: %(count)s rows, such as %(rows)s") % {
        "name": part.name,
        "count": f"{part.count:,}",
        "rows": rows,
    }
