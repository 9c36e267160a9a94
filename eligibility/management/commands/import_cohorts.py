from django.utils.translation import gettext_lazy

from bulk.commands import KindCommand
from eligibility.imports import CohortKind


class Command(KindCommand):
    help = gettext_lazy("Add or change cohorts from a CSV")
    kind = CohortKind
