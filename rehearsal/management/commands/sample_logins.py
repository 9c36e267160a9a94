import unicodedata
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from database.clock import database_now
from eligibility.models import Cohort, Person
from eligibility.spelling import shown_phone
from rehearsal.sample import campaign
from staff.enums import Role
from staff.models import User
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy("Print the log-ins of the sample campaign")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SAMPLE:
            raise CommandError(_("This is no sample campaign, so there are no sample log-ins."))
        citizens = campaign.citizens()
        if not citizens:
            raise CommandError(_("The sample campaign is not loaded: run load_sample."))
        address = settings.PUBLIC_URL
        self._table(
            f"{address}/identity/", [_citizen(cohort, person) for cohort, person in citizens]
        )
        self._table(f"{address}/admin/", [_staff(user) for user in _accounts()])

    def _table(self, title: str, rows: list[list[str]]) -> None:
        self.stdout.write(title)
        widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
            ]
            self.stdout.write("  " + "   ".join(cells).rstrip())


def _citizen(cohort: Cohort, person: Person) -> list[str]:
    born = person.birth_date.isoformat()
    return [cohort.code, person.name, born, shown_phone(person.phone), _window(cohort)]


def _window(cohort: Cohort) -> str:
    now = database_now()
    if now >= cohort.closes_at:
        return _("closed")
    if now >= cohort.opens_at:
        return _("open now")
    return _("opens %s") % f"{timezone.localtime(cohort.opens_at):%m-%d %H:%M}"


def _accounts() -> list[User]:
    """The accounts in the order of roles, without those whose password was changed."""
    users = {
        user.username: user
        for user in User.objects.select_related("clinic").filter(username__in=Role.values)
    }
    existing = [users[name] for name in Role.values if name in users]
    return [user for user in existing if user.check_password(campaign.PASSWORD)]


def _staff(user: User) -> list[str]:
    scope = str(user.clinic or f"{user.region} {user.district}".strip())
    return [str(user.get_role_display()), user.username, campaign.PASSWORD, scope]


def _width(text: str) -> int:
    """Width in terminal columns: Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
