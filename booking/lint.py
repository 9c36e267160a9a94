"""Checks of cohorts that need vaccines and slots, registered as a hook of eligibility."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from booking.models import Slot, Vaccine
from eligibility.lint import Finding, Level
from eligibility.models import Cohort


def windows_without_slots(cohorts: Sequence[Cohort], at: datetime) -> Iterator[Finding]:
    codes = set(Vaccine.objects.values_list("code", flat=True))
    for cohort in cohorts:
        unknown = sorted(set(cohort.vaccines) - codes)
        if unknown:
            yield Finding(
                Level.ERROR,
                (cohort.code,),
                _("No such vaccine: %(codes)s.") % {"codes": ", ".join(unknown)},
            )
        # Slots before the window opens can't be booked in it.
        # Those of visits to care homes can't be booked by their residents themselves.
        slots = Slot.objects.filter(
            home=None, starts_at__gt=max(at, cohort.opens_at), capacity__gt=0
        )
        if cohort.vaccines:
            slots = slots.filter(vaccine__code__in=cohort.vaccines)
        if not slots.exists():
            yield Finding(
                Level.ERROR, (cohort.code,), _("It opens with no time that could be booked.")
            )
