from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from database import roles


class Command(BaseCommand):
    @property
    def help(self) -> str:  # type: ignore[override]  # the parent's is no property
        return _(
            "Let the application's account do what database/grants.tsv says and no more, as each "
            "migrate does at its end. Repeating it changes nothing."
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help=_("change nothing; fail if something is to do")
        )

    @transaction.atomic
    def handle(self, *, check: bool, **options: Any) -> None:
        role = settings.DATABASE_ROLE
        with connection.cursor() as cursor:
            if not roles.exists(cursor, role):
                raise CommandError(
                    _("There is no role %(role)s: make it first (docs/running.md).")
                    % {"role": role}
                )
            if not check:
                count = roles.grant(cursor, role)
                self.stdout.write(_("Grants that were changed: %(count)s") % {"count": count})
                return
            statements = [
                statement.as_string(cursor.connection) for statement in roles.missing(cursor, role)
            ]
        if statements:
            raise CommandError("\n".join([_("To be run as the owner:"), *statements]))
