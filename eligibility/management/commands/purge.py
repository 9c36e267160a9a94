from typing import Any

from django.utils.translation import gettext_lazy

from eligibility.services.purging import purge
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy("Destroy personal data whose retention time is over")

    def handle(self, **options: Any) -> None:
        for kind, count in purge().items():
            self.stdout.write(f"{kind}: {count:,}")
