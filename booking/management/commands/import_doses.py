from django.utils.translation import gettext_lazy

from booking.imports.doses import DoseKind
from bulk.commands import KindCommand


class Command(KindCommand):
    help = gettext_lazy("Record or correct doses given elsewhere from a CSV")
    kind = DoseKind
