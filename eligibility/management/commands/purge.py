from django.core.management.base import BaseCommand
from django.utils.translation import gettext_lazy

from eligibility.services.purging import purge


class Command(BaseCommand):
    help = gettext_lazy("Destroy personal data whose retention time is over")

    def handle(self, **options) -> None:
        for what, count in purge().items():
            self.stdout.write(f"{what}: {count:,}")
