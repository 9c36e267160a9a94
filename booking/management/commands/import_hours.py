from django.utils.translation import gettext_lazy

from booking.imports.hours import HoursKind
from bulk.commands import KindCommand


class Command(KindCommand):
    help = gettext_lazy("Add or change weekly opening hours from a CSV")
    kind = HoursKind
