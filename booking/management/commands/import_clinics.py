from django.utils.translation import gettext_lazy

from booking.imports.clinics import ClinicKind
from bulk.commands import KindCommand


class Command(KindCommand):
    help = gettext_lazy(
        "Add or change clinics from a CSV of ours, the open-data list of clinics under contract, "
        "or the list of vaccination centres (CSV or JSON)"
    )
    kind = ClinicKind
