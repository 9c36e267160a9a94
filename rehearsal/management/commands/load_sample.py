import time

from django.conf import settings
from django.core.management.base import CommandError

from eligibility.models import Cohort, Person
from rehearsal.sample import campaign
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Fill an empty database with the sample campaign: invented clinics, times and people."

    def add_arguments(self, parser):
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing when there is data already"
        )

    def handle(self, *args, if_empty, **options):
        if not settings.SAMPLE:
            raise CommandError(
                "The sample has invented people and printed passwords: set JARI_SAMPLE=1, "
                "and never on a portal that people use."
            )
        if Cohort.objects.exists() or Person.objects.exists():
            if if_empty:
                return
            raise CommandError("The database has data already. The sample needs an empty one.")
        started = time.monotonic()
        loaded = campaign.load()
        self.stdout.write(
            f"{loaded.clinics} clinics, {loaded.slots:,} times, {loaded.people:,} people "
            f"in {time.monotonic() - started:.1f} s"
        )
