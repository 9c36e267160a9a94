from typing import Any
from urllib.parse import urljoin

import pghistory
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from staff.accounts import link_for, workplace_of
from staff.enums import AT_A_CLINIC, NoticeKind, Role
from staff.models import User
from staff.notices import notify

BY = "command:invite"


class Command(BaseCommand):
    help = (
        "Make an account, or find it, and print the link at which its owner sets a password. "
        "For the first accounts of a portal: it asks nobody, as whoever has this shell has the data"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", choices=Role.values)
        parser.add_argument("--clinic", default="", help="code, for roles that work at a clinic")
        parser.add_argument("--region", default="", help="for local governments")
        parser.add_argument("--district", default="", help="empty: the whole region")

    @transaction.atomic
    def handle(
        self,
        *,
        username: str,
        role: str | None,
        clinic: str,
        region: str,
        district: str,
        **options: Any,
    ) -> None:
        with pghistory.context(by=BY):
            user = User.objects.filter(username=username).first()
            if user is None:
                user = User(username=username, is_staff=True)
                user.set_unusable_password()
            if role:
                self._assign(user, role, clinic, region, district)
            user.save()
            if role:
                notify(user, NoticeKind.ROLE, by=BY, role=role)
            self.stdout.write(urljoin(settings.PUBLIC_URL, link_for(user, by=BY)))

    def _assign(self, user: User, role: str, clinic: str, region: str, district: str) -> None:
        # Through the field: staff lies below booking and can't import its models.
        clinics = User._meta.get_field("clinic").related_model._default_manager
        clinic_row = clinics.filter(code=clinic).first()
        if role in AT_A_CLINIC and clinic_row is None:
            raise CommandError("--clinic: give the code of a clinic that exists.")
        if role == Role.LOCAL and not region:
            raise CommandError("--region: give the region of the local government.")
        user.role = role
        workplace = workplace_of(role, clinic=clinic_row, region=region, district=district)
        for name, value in workplace.items():
            setattr(user, name, value)
