from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from booking.sample import campaign
from eligibility.normal import shown_phone
from staff.models import User


class Command(BaseCommand):
    help = "Print who a newcomer may sign in as in the sample campaign."

    def handle(self, *args, **options):
        if not settings.SAMPLE:
            raise CommandError(
                "There are sample log-ins in a sample campaign only (JARI_SAMPLE=1)."
            )
        citizens = campaign.citizens()
        if not citizens:
            raise CommandError("This database does not hold the sample campaign.")
        self.stdout.write(
            "Citizens (name, date of birth, mobile phone; the code shows on the page)"
        )
        for cohort, person in citizens:
            facts = f"{person.name}  {person.birth_date}  {shown_phone(person.phone)}"
            self.stdout.write(f"  {cohort.code:<8}{facts}")
        self.stdout.write(f"Staff at /admin/ (password of each: {campaign.PASSWORD})")
        with translation.override("en"):
            for user in User.objects.filter(
                username__in=["clinic", "local", "authority", "operator"]
            ):
                where = user.clinic or user.region
                self.stdout.write(f"  {user.username:<12}{user.get_role_display()} {where or ''}")
