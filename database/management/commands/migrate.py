from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connection, transaction
from django.utils.translation import gettext as _

from database import roles


class Command(migrate.Command):
    """Django's own, run by the owner, who then grants the application what it needs."""

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, has_schema_privilege('public', 'CREATE')")
            role, may_create = cursor.fetchone()
        if not may_create:
            raise CommandError(
                _(
                    "%(role)s may not change tables: set DATABASE_OWNER_URL to the address of the "
                    "account that owns them (docs/running.md, “Accounts of the database”)."
                )
                % {"role": role}
            )
        super().handle(*args, **options)
        with transaction.atomic(), connection.cursor() as cursor:
            if roles.exists(cursor, settings.DATABASE_ROLE):
                roles.grant(cursor, settings.DATABASE_ROLE)
