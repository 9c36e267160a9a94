import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from eligibility.models import Cohort, Person
from rehearsal.sample import campaign
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Fill an empty database with the sample campaign: invented clinics, times and people."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing when there is data already"
        )
        parser.add_argument(
            "--logins", action="store_true", help="print the sample log-ins too, if there are any"
        )

    def handle(self, *args: Any, if_empty: bool, logins: bool, **options: Any) -> None:
        if not settings.SAMPLE:
            raise CommandError(
                "The sample has invented people and printed passwords: set JARI_SAMPLE=1, "
                "and never on a portal that people use."
            )
        if not (Cohort.objects.exists() or Person.objects.exists()):
            self._load()
        elif not if_empty:
            raise CommandError("The database has data already. The sample needs an empty one.")
        if logins and campaign.citizens():
            # In this process, since `make run` waits, and starting Django takes most of the time.
            self.stdout.write("")
            call_command("sample_logins", stdout=self.stdout)

    def _load(self) -> None:
        started = time.monotonic()
        loaded = campaign.load()
        self.stdout.write(
            f"{loaded.clinics} clinics, {loaded.slots:,} times, {loaded.people:,} people "
            f"in {time.monotonic() - started:.1f} s"
        )
