from typing import Any

from django.utils.translation import gettext_lazy, ngettext

from privacy.rotation import rotate
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy(
        "Encrypt personal data anew under the first key of JARI_DATA_KEYS; afterwards the older "
        "keys can be taken out. It may be broken off and run again, also while people are booking."
    )

    def handle(self, **options: Any) -> None:
        count = rotate(lambda column, done: self.stdout.write(f"{column}: {done:,}"))
        self.stdout.write(
            ngettext("%(count)s value encrypted anew.", "%(count)s values encrypted anew.", count)
            % {"count": count}
        )
