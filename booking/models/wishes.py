"""What would suit a person, chosen while they wait."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from booking.models.clinics import Vaccine
from database.clock import Now
from eligibility.models import Person
from privacy.fields import EncryptedTextField

MOST_PLACES = 5


class Wish(models.Model):
    """The districts, weekdays, hours and vaccine that a person chose ahead.

    They decide which times the finder shows first and are the first values of a list entry. Of
    them an offer asks for the needs only; nothing that calls or admits reads them.
    """

    person = models.OneToOneField(
        Person, on_delete=models.CASCADE, primary_key=True, related_name="wish"
    )
    # Keys of districts (booking.areas): "d:<region>/<district>".
    places = ArrayField(
        models.CharField(max_length=60), verbose_name=pgettext_lazy("where", "places")
    )
    # Monday is 0; empty for any.
    weekdays = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("weekdays"))
    part = models.CharField(_("time of day"), max_length=10, blank=True)  # rules.part_of
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("vaccine")
    )
    # Codes of Facility with blanks between. Encrypted: they tell of a person's health.
    needs = EncryptedTextField(null=True, editable=False)
    changed_at = models.DateTimeField(_("changed at"), db_default=Now())

    class Meta:
        verbose_name = _("wish")
        verbose_name_plural = _("wishes")
        constraints = [
            models.CheckConstraint(
                condition=Q(places__len__gte=1, places__len__lte=MOST_PLACES),
                name="wish_names_a_few_districts",
            ),
            models.CheckConstraint(
                condition=Q(weekdays__contained_by=list(range(7))),
                name="wish_names_days_of_the_week",
            ),
            models.CheckConstraint(
                condition=Q(part__in=["", "morning", "afternoon", "evening"]),
                name="wish_names_a_part_of_the_day",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.person_id}"
